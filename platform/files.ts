/**
 * Ordinary files, as a power: configuration, certificates, pod volumes. Synchronous and without any
 * promise of durability beyond the operating system's; what must survive a power cut goes through `Disk`.
 * Paths are absolute.
 */
export interface FileStat {
  readonly type: 'file' | 'directory' | 'symlink' | 'other'
  readonly sizeBytes: number
  /** Permission bits only. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly modifiedMs: number
  /** Tells one file from another at the same path. */
  readonly inode: number
}

/** @see DiskError for the shape of `code` */
export interface Files {
  /** Every call below throws `FilesError` with the OS's code (ENOENT, EACCES, ENOSPC…). */
  readText(path: string): string
  readBytes(path: string, range?: { readonly position: number; readonly length: number }): Uint8Array
  /** Writes the whole file, replacing it in one step (temporary and rename) unless `append`. */
  write(
    path: string,
    content: Uint8Array | string,
    options?: { readonly mode?: number; readonly append?: boolean },
  ): void
  /** With parents; nothing happens when it exists. */
  makeDirectory(path: string, options?: { readonly mode?: number }): void
  /** Names only, sorted. */
  list(path: string): readonly string[]
  /** Of the link itself, not its target; undefined when there is nothing. */
  stat(path: string): FileStat | undefined
  exists(path: string): boolean
  /** Creates or replaces (by rename) a symbolic link at `path` to `target`. */
  symlink(target: string, path: string): void
  readLink(path: string): string
  /** Another name for the same file (hard link). */
  link(existing: string, path: string): void
  rename(from: string, to: string): void
  /** Recursively; nothing happens when there is none. */
  remove(path: string): void
  chmod(path: string, mode: number): void
  chown(path: string, uid: number, gid: number): void
  /** Creates a FIFO, socket-like or device node where the OS can; used by container shims. */
  makeFifo(path: string): void
  /** Calls `onChange` after the file or directory changed; coalesced, may be spurious, never lost while open. */
  watch(path: string, onChange: () => void): { close(): void }
}

export class FilesError extends Error {
  readonly code: string
  readonly path: string
  constructor(options: { code: string; path: string; attempted: string; cause?: unknown }) {
    super(`cannot ${options.attempted} ${options.path}: ${options.code}`, { cause: options.cause })
    this.name = 'FilesError'
    this.code = options.code
    this.path = options.path
  }
}
