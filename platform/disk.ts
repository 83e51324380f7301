/**
 * A durable disk, as a power, for code whose correctness depends on what survives a power cut: the
 * WAL, snapshots, identity files. Paths are absolute. Callbacks run as events of their own, never
 * inside the call that asked. Raft decides by these callbacks; nothing here returns a promise.
 *
 * What is promised: bytes appended before a `sync` that reported no error survive a power cut. A
 * created, renamed or removed name survives once `syncDirectory` of its parent has reported success.
 * Everything else may be lost, torn at any byte, or lost from the middle.
 */
export class DiskError extends Error {
  /** The operating system's code: ENOENT, ENOSPC, EIO, EACCES, EEXIST… */
  readonly code: string
  readonly path: string
  constructor(options: { code: string; path: string; attempted: string; cause?: unknown }) {
    super(`cannot ${options.attempted} ${options.path}: ${options.code}`, { cause: options.cause })
    this.name = 'DiskError'
    this.code = options.code
    this.path = options.path
  }
}

export interface DiskFile {
  readonly path: string
  /** Writes at `position` (bytes from the start); returns when the bytes are in the OS. @throws DiskError */
  write(bytes: Uint8Array, position: number): void
  /** fdatasync. `done(undefined)` means that every byte written before this call is durable. */
  sync(done: (error: DiskError | undefined) => void): void
  /** Reads at most `length` bytes at `position`; shorter at the end of the file. @throws DiskError */
  read(position: number, length: number): Uint8Array
  /** @throws DiskError */
  truncate(sizeBytes: number): void
  sizeBytes(): number
  close(): void
}

export interface Disk {
  /**
   * Opens a file for reading and writing.
   * `create` makes a new one and fails with EEXIST when there is one; `preallocateBytes` sizes it with
   * zeros so that later `sync`s need no metadata. @throws DiskError
   */
  open(path: string, options?: { create?: boolean; preallocateBytes?: number }): DiskFile
  /** The whole file. @throws DiskError with ENOENT when there is none */
  readFile(path: string): Uint8Array
  /** Replaces a whole small file so that a reader sees the old or the new one: temporary, fsync, rename, directory fsync. */
  replaceFile(path: string, bytes: Uint8Array): void
  /** Names in a directory, sorted; empty when it does not exist. */
  list(directory: string): readonly string[]
  exists(path: string): boolean
  makeDirectory(directory: string): void
  rename(from: string, to: string): void
  /** Removes a file or a directory with all in it; nothing happens when there is none. */
  remove(path: string): void
  syncDirectory(directory: string): void
  /**
   * Takes the directory for this process until `release`.
   * @throws DiskError with code ELOCKED when another holder lives; the message names it.
   */
  lock(directory: string): { release(): void }
}
