/** Ordinary files on `node:fs`. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { makeDirectories } from './make-directories.ts'
import { type Files, FilesError, type FileStat } from '../files.ts'

function guarded<T>(attempted: string, path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO'
    throw new FilesError({ code, path, attempted, cause: error })
  }
}

function typeOf(stat: fs.Stats): FileStat['type'] {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  return stat.isSymbolicLink() ? 'symlink' : 'other'
}

function readRange(path: string, position: number, length: number): Uint8Array {
  const fd = fs.openSync(path, 'r')
  try {
    const bytes = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const count = fs.readSync(fd, bytes, filled, length - filled, position + filled)
      if (count === 0) break
      filled += count
    }
    return bytes.subarray(0, filled)
  } finally {
    fs.closeSync(fd)
  }
}

function write(
  path: string,
  content: Uint8Array | string,
  options: { mode?: number; append?: boolean },
): void {
  if (options.append) {
    fs.appendFileSync(path, content, { mode: options.mode ?? 0o644 })
    return
  }
  const temporary = `${path}.${process.pid}.new`
  fs.writeFileSync(temporary, content, { mode: options.mode ?? 0o644 })
  fs.renameSync(temporary, path)
}

function statOf(path: string): FileStat | undefined {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false })
  return (
    stat && {
      type: typeOf(stat),
      sizeBytes: stat.size,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      modifiedMs: stat.mtimeMs,
      inode: stat.ino,
    }
  )
}

export function createNodeFiles(): Files {
  return {
    readText: (path) => guarded('read', path, () => fs.readFileSync(path, 'utf8')),
    readBytes: (path, range) =>
      guarded('read', path, () =>
        range ? readRange(path, range.position, range.length) : new Uint8Array(fs.readFileSync(path)),
      ),
    write: (path, content, options = {}) => guarded('write', path, () => write(path, content, options)),
    makeDirectory: (path, options = {}) => {
      guarded('create directory', path, () => makeDirectories(path, options.mode ?? 0o755))
    },
    list: (path) => guarded('list', path, () => fs.readdirSync(path).sort()),
    stat: (path) => guarded('stat', path, () => statOf(path)),
    exists: (path) => fs.existsSync(path),
    symlink: (target, path) =>
      guarded('link', path, () => {
        const temporary = `${path}.${process.pid}.new`
        fs.symlinkSync(target, temporary)
        fs.renameSync(temporary, path)
      }),
    readLink: (path) => guarded('read link', path, () => fs.readlinkSync(path)),
    link: (existing, path) => guarded('link', path, () => fs.linkSync(existing, path)),
    rename: (from, to) => guarded(`rename to ${to}`, from, () => fs.renameSync(from, to)),
    remove: (path) => guarded('remove', path, () => fs.rmSync(path, { recursive: true, force: true })),
    chmod: (path, mode) => guarded('change mode of', path, () => fs.chmodSync(path, mode)),
    chown: (path, uid, gid) => guarded('change owner of', path, () => fs.lchownSync(path, uid, gid)),
    makeFifo: (path) => guarded('create fifo', path, () => void execFileSync('mkfifo', [path])),
    watch: (path, onChange) =>
      guarded('watch', path, () => {
        const watcher = fs.watch(path, () => onChange())
        watcher.on('error', () => onChange()) // gone or unreadable: the caller looks and sees
        return { close: () => watcher.close() }
      }),
  }
}
