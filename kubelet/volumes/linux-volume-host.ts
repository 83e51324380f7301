/**
 * Volumes on Linux: directories and tmpfs mounts below `<rootDir>/pods/<uid>/volumes/<name>`.
 *
 * The atomic writer: files lie in a dated directory, `..data` points to it, the visible names point through
 * `..data`. An update makes a new directory and swaps the one link, so a reader sees all old or all new.
 * Source: kubelet `volume/util/atomic_writer.go`, `volume/emptydir`, `subpath`.
 */
import type { Files } from '../../platform/files.ts'
import type { Processes } from '../../platform/processes.ts'
import type { VolumeFile, VolumeHost } from './volume-host.ts'

export interface LinuxVolumeHostOptions {
  readonly files: Files
  readonly processes: Processes
  readonly rootDir: string
}

const mountTimeoutMs = 30_000

export class LinuxVolumeHost implements VolumeHost {
  readonly #files: Files
  readonly #processes: Processes
  readonly #root: string

  /** Makes the directory of all pods. */
  constructor(options: LinuxVolumeHostOptions) {
    this.#files = options.files
    this.#processes = options.processes
    this.#root = `${options.rootDir}/pods`
    this.#files.makeDirectory(this.#root, { mode: 0o711 })
  }

  async prepareDirectory(options: Parameters<VolumeHost['prepareDirectory']>[0]): Promise<string> {
    const path = this.#volume(options.podUid, options.volume)
    if (this.#files.exists(path) && (options.medium === 'disk' || this.#isMounted(path))) return path
    this.#files.makeDirectory(path)
    if (options.medium === 'memory') {
      const size = options.sizeLimitBytes === undefined ? [] : [`size=${options.sizeLimitBytes}`]
      const args = ['-t', 'tmpfs', '-o', ['mode=0777', ...size].join(','), 'tmpfs', path]
      await this.#processes.run({ command: 'mount', args, timeoutMs: mountTimeoutMs })
    }
    if (options.fsGroup !== undefined) this.#files.chown(path, 0, options.fsGroup)
    this.#files.chmod(path, options.fsGroup === undefined ? 0o777 : 0o2777)
    return path
  }

  async writeFiles(options: Parameters<VolumeHost['writeFiles']>[0]): Promise<string> {
    const directory = this.#volume(options.podUid, options.volume)
    this.#files.makeDirectory(directory)
    const current = this.#files.exists(`${directory}/..data`)
      ? this.#files.readLink(`${directory}/..data`)
      : undefined
    if (current !== undefined && this.#isSame(`${directory}/${current}`, options.files)) return directory
    const next = `..${Number(current?.slice(2) ?? 0) + 1}`
    this.#files.remove(`${directory}/${next}`)
    this.#writeTree(`${directory}/${next}`, options.files, options.fsGroup)
    this.#files.symlink(next, `${directory}/..data`)
    const visible = new Set(options.files.map((file) => file.path.split('/')[0] ?? ''))
    for (const name of visible) {
      if (!this.#files.exists(`${directory}/${name}`))
        this.#files.symlink(`..data/${name}`, `${directory}/${name}`)
    }
    for (const name of this.#files.list(directory)) {
      if (!name.startsWith('..') && !visible.has(name)) this.#files.remove(`${directory}/${name}`)
      if (name.startsWith('..') && name !== '..data' && name !== next)
        this.#files.remove(`${directory}/${name}`)
    }
    return directory
  }

  async find(podUid: string, volume: string): Promise<string | undefined> {
    const path = this.#volume(podUid, volume)
    return this.#files.exists(path) ? path : undefined
  }

  async checkHostPath(path: string, type: string): Promise<void> {
    if (type === 'DirectoryOrCreate' && !this.#files.exists(path)) this.#files.makeDirectory(path)
    if (type === 'FileOrCreate' && !this.#files.exists(path)) this.#files.write(path, '')
    if (type === '') return
    const { stdout, code } = await this.#processes.run({
      command: 'stat',
      args: ['-L', '-c', '%F', path],
      timeoutMs: 10_000,
      allowFailure: true,
    })
    const found = code === 0 ? stdout.trim() : 'nothing'
    const wanted = hostPathTypes[type]
    if (wanted === undefined || wanted.some((one) => found.includes(one))) return
    throw new Error(
      `hostPath type check failed: ${path} is not a ${type.replace('OrCreate', '').toLowerCase()} but ${found}`,
    )
  }

  async resolveSubPath(volumePath: string, subPath: string): Promise<string> {
    const parts = subPath.split('/').filter((part) => part !== '' && part !== '.')
    if (parts.includes('..')) throw new Error(`subPath "${subPath}" must not contain ".."`)
    const wanted = [volumePath, ...parts].join('/')
    if (!this.#files.exists(wanted)) this.#files.makeDirectory(wanted, { mode: 0o777 })
    const { stdout } = await this.#processes.run({
      command: 'realpath',
      args: ['--', volumePath, wanted],
      timeoutMs: 10_000,
    })
    const [base = '', real = ''] = stdout.trim().split('\n')
    if (real !== base && !real.startsWith(`${base}/`))
      throw new Error(`subPath "${subPath}" leads out of its volume, to ${real}`)
    return real
  }

  async writePodFile(podUid: string, name: string, content: string): Promise<string> {
    const path = `${this.#root}/${podUid}/${name}`
    this.#files.makeDirectory(`${this.#root}/${podUid}`, { mode: 0o711 })
    if (!this.#files.exists(path) || this.#files.readText(path) !== content)
      this.#files.write(path, content, { mode: 0o644 })
    return path
  }

  async removePod(podUid: string): Promise<void> {
    const directory = `${this.#root}/${podUid}`
    if (!this.#files.exists(directory)) return
    const mounts = this.#mounts().filter((path) => path.startsWith(`${directory}/`))
    if (mounts.length > 0) {
      await this.#processes.run({
        command: 'umount',
        args: ['-l', ...mounts.reverse()],
        timeoutMs: mountTimeoutMs,
        allowFailure: true,
      })
    }
    this.#files.remove(directory)
  }

  async listPods(): Promise<readonly string[]> {
    return this.#files.list(this.#root)
  }

  #volume(podUid: string, volume: string): string {
    return `${this.#root}/${podUid}/volumes/${volume}`
  }

  #mounts(): readonly string[] {
    return this.#files
      .readText('/proc/self/mountinfo')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
  }

  #isMounted(path: string): boolean {
    return this.#mounts().includes(path)
  }

  #writeTree(directory: string, entries: readonly VolumeFile[], fsGroup: number | undefined): void {
    this.#files.makeDirectory(directory)
    for (const entry of entries) {
      const path = `${directory}/${entry.path}`
      const parent = path.slice(0, path.lastIndexOf('/'))
      this.#files.makeDirectory(parent)
      this.#files.write(path, entry.content, { mode: entry.mode })
      this.#files.chmod(path, fsGroup === undefined ? entry.mode : entry.mode | 0o040)
      if (fsGroup !== undefined) this.#files.chown(path, 0, fsGroup)
    }
  }

  #isSame(directory: string, entries: readonly VolumeFile[]): boolean {
    const found = this.#tree(directory, '')
    if (found.length !== entries.length) return false
    return entries.every((entry) => {
      const path = `${directory}/${entry.path}`
      return found.includes(entry.path) && equalBytes(this.#files.readBytes(path), entry.content)
    })
  }

  #tree(directory: string, below: string): readonly string[] {
    if (!this.#files.exists(directory)) return []
    return this.#files.list(directory).flatMap((name) => {
      const path = `${directory}/${name}`
      const own = below === '' ? name : `${below}/${name}`
      return this.#files.stat(path)?.type === 'directory' ? this.#tree(path, own) : [own]
    })
  }
}

const hostPathTypes: Readonly<Record<string, readonly string[]>> = {
  Directory: ['directory'],
  DirectoryOrCreate: ['directory'],
  File: ['regular'],
  FileOrCreate: ['regular'],
  Socket: ['socket'],
  CharDevice: ['character special'],
  BlockDevice: ['block special'],
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
