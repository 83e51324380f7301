/**
 * The durable disk on `node:fs`. Writes go to the page cache synchronously; only `sync` runs on libuv's
 * pool. A directory lock is a file created with O_EXCL that names its holder by process id and start
 * time, so that a dead holder's lock is told from a living one's.
 */
import fs from 'node:fs'
import { dirname } from 'node:path'
import { type Disk, DiskError, type DiskFile } from '../disk.ts'
import { makeDirectories } from './make-directories.ts'
import { processStartTicks } from './process-table.ts'

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'EIO'
}

function guarded<T>(attempted: string, path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof DiskError) throw error
    throw new DiskError({ code: codeOf(error), path, attempted, cause: error })
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  let written = 0
  while (written < bytes.length) {
    written += fs.writeSync(fd, bytes, written, bytes.length - written, position + written)
  }
}

function preallocate(fd: number, sizeBytes: number): void {
  const zeros = new Uint8Array(Math.min(sizeBytes, 1 << 20))
  for (let position = 0; position < sizeBytes; position += zeros.length) {
    writeAll(fd, zeros.subarray(0, Math.min(zeros.length, sizeBytes - position)), position)
  }
  fs.fsyncSync(fd)
}

function syncDirectory(directory: string): void {
  guarded('sync directory', directory, () => {
    const fd = fs.openSync(directory, 'r')
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  })
}

function openFile(path: string, options: { create?: boolean; preallocateBytes?: number }): DiskFile {
  const fd = guarded(options.create ? 'create' : 'open', path, () =>
    fs.openSync(path, options.create ? 'wx+' : 'r+'),
  )
  if (options.preallocateBytes !== undefined) {
    const sizeBytes = options.preallocateBytes
    guarded('preallocate', path, () => preallocate(fd, sizeBytes))
  }
  return {
    path,
    write: (bytes, position) => guarded('write', path, () => writeAll(fd, bytes, position)),
    sync: (done) =>
      fs.fdatasync(fd, (error) =>
        done(
          error
            ? new DiskError({ code: codeOf(error), path, attempted: 'fdatasync', cause: error })
            : undefined,
        ),
      ),
    read: (position, length) =>
      guarded('read', path, () => {
        const bytes = new Uint8Array(length)
        let filled = 0
        while (filled < length) {
          const count = fs.readSync(fd, bytes, filled, length - filled, position + filled)
          if (count === 0) break
          filled += count
        }
        return bytes.subarray(0, filled)
      }),
    truncate: (sizeBytes) => guarded('truncate', path, () => fs.ftruncateSync(fd, sizeBytes)),
    sizeBytes: () => guarded('stat', path, () => fs.fstatSync(fd).size),
    close: () => guarded('close', path, () => fs.closeSync(fd)),
  }
}

function replaceFile(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.new`
  guarded('replace', path, () => {
    const fd = fs.openSync(temporary, 'w')
    try {
      writeAll(fd, bytes, 0)
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
    fs.renameSync(temporary, path)
  })
  syncDirectory(dirname(path))
}

function holderOf(lockPath: string): { pid: number; startTicks: number } | undefined {
  try {
    const [pid, startTicks] = fs.readFileSync(lockPath, 'utf8').trim().split(' ').map(Number)
    return pid !== undefined && startTicks !== undefined ? { pid, startTicks } : undefined
  } catch {
    return undefined // unreadable or gone: nobody who could be named holds it
  }
}

function lock(directory: string): { release(): void } {
  const path = `${directory}/LOCK.pid`
  const holder = holderOf(path)
  if (holder && processStartTicks(holder.pid) === holder.startTicks) {
    throw new DiskError({
      code: 'ELOCKED',
      path: directory,
      attempted: `lock, which process ${holder.pid} holds: stop it or choose another directory;`,
    })
  }
  guarded('lock', path, () => {
    fs.rmSync(path, { force: true })
    fs.writeFileSync(path, `${process.pid} ${processStartTicks(process.pid) ?? 0}\n`, { flag: 'wx' })
  })
  return { release: () => fs.rmSync(path, { force: true }) }
}

export function createNodeDisk(): Disk {
  return {
    open: (path, options = {}) => openFile(path, options),
    readFile: (path) => guarded('read', path, () => new Uint8Array(fs.readFileSync(path))),
    replaceFile,
    list: (directory) =>
      guarded('list', directory, () => (fs.existsSync(directory) ? fs.readdirSync(directory).sort() : [])),
    exists: (path) => fs.existsSync(path),
    makeDirectory: (directory) => {
      guarded('create directory', directory, () => makeDirectories(directory, 0o777))
    },
    rename: (from, to) => guarded(`rename to ${to}`, from, () => fs.renameSync(from, to)),
    remove: (path) => guarded('remove', path, () => fs.rmSync(path, { recursive: true, force: true })),
    syncDirectory,
    lock,
  }
}
