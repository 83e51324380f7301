/**
 * A disk with a memory of what is durable. A process that dies leaves its writes behind (the OS has
 * them); a machine that loses power keeps what was synced and, of the rest, any subset, torn at any byte.
 * Name changes (create, rename, remove) are journalled: a crash keeps a prefix of those not yet synced.
 */
import { type Disk, DiskError, type DiskFile } from '../disk.ts'
import type { Random } from '../random.ts'
import type { EventLoop, EventOwner } from './event-loop.ts'

interface PendingWrite {
  readonly position: number
  readonly bytes: Uint8Array
}

/** One inode: what a reader sees now, what a power cut leaves at least, and the writes between the two. */
class Inode {
  current: Uint8Array = new Uint8Array(0)
  sizeBytes = 0
  durable: Uint8Array = new Uint8Array(0)
  pending: PendingWrite[] = []

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length
    if (end > this.current.length) {
      const grown = new Uint8Array(Math.max(end, this.current.length * 2, 4096))
      grown.set(this.current.subarray(0, this.sizeBytes))
      this.current = grown
    }
    this.current.set(bytes, position)
    this.sizeBytes = Math.max(this.sizeBytes, end)
    this.pending.push({ position, bytes: bytes.slice() })
  }

  truncate(sizeBytes: number): void {
    const next = new Uint8Array(sizeBytes)
    next.set(this.current.subarray(0, Math.min(sizeBytes, this.sizeBytes)))
    this.current = next
    this.sizeBytes = sizeBytes
    // Journalled with the next sync; modelled as durable at once, as ext4's ordered mode nearly is.
    this.durable = next.slice()
    this.pending = []
  }

  /** Makes the first `count` pending writes durable. */
  settle(count: number): void {
    for (const write of this.pending.splice(0, count)) this.durable = applied(this.durable, write)
  }

  /** What a power cut leaves. */
  crash(random: Random): void {
    let survived = this.durable
    for (const write of this.pending) {
      const fate = random.int(3)
      if (fate === 0) continue
      const length = fate === 1 ? write.bytes.length : random.int(write.bytes.length + 1)
      survived = applied(survived, { position: write.position, bytes: write.bytes.subarray(0, length) })
    }
    this.durable = survived
    this.current = survived.slice()
    this.sizeBytes = survived.length
    this.pending = []
  }
}

function applied(content: Uint8Array, write: PendingWrite): Uint8Array {
  const end = write.position + write.bytes.length
  const next = end > content.length ? new Uint8Array(end) : content
  if (next !== content) next.set(content)
  next.set(write.bytes, write.position)
  return next
}

type Names = Map<string, Inode>

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

export interface SimDiskFaults {
  /** How long a sync takes, microseconds: [least, most). */
  syncUs: readonly [number, number]
  /** Bytes that may still be written before ENOSPC; undefined: no bound. */
  freeBytes: number | undefined
}

/** The disk of one machine; it outlives the processes that use it. */
export class SimDisk {
  readonly faults: SimDiskFaults = { syncUs: [100, 1000], freeBytes: undefined }
  readonly #loop: EventLoop
  readonly #random: Random
  #names: Names = new Map()
  #durableNames: Names = new Map()
  /** Name changes not yet durable, oldest first. */
  #journal: { directory: string; change: (names: Names) => void }[] = []
  readonly #locks = new Map<string, EventOwner>()

  constructor(loop: EventLoop, random: Random) {
    this.#loop = loop
    this.#random = random
  }

  /** Cuts the power: un-synced bytes and names are lost at random. Every process on it must be dead. */
  crash(): void {
    const kept = this.#random.int(this.#journal.length + 1)
    for (const { change } of this.#journal.slice(0, kept)) change(this.#durableNames)
    this.#journal = []
    this.#names = new Map(this.#durableNames)
    for (const inode of new Set(this.#names.values())) inode.crash(this.#random)
  }

  /** Removes everything: a wiped or replaced disk. */
  wipe(): void {
    this.#names = new Map()
    this.#durableNames = new Map()
    this.#journal = []
  }

  /** Flips one bit of a file, on the platter and in what readers see. */
  flipBit(path: string, position: number): void {
    const inode = this.#inode(path, 'flip a bit of')
    for (const bytes of [inode.current, inode.durable]) {
      const byte = bytes[position]
      if (byte !== undefined) bytes[position] = byte ^ (1 << this.#random.int(8))
    }
  }

  paths(): readonly string[] {
    return [...this.#names.keys()].sort()
  }

  /** The disk as one process sees it; its callbacks die with the process. */
  view(owner: EventOwner): Disk {
    return {
      open: (path, options = {}) => this.#open(owner, path, options),
      readFile: (path) => {
        const inode = this.#inode(path, 'read')
        return inode.current.slice(0, inode.sizeBytes)
      },
      replaceFile: (path, bytes) => this.#replaceFile(path, bytes),
      list: (directory) => this.#list(directory),
      exists: (path) => this.#names.has(path) || this.#list(path).length > 0,
      makeDirectory: () => {},
      rename: (from, to) => this.#rename(from, to),
      remove: (path) => this.#remove(path),
      syncDirectory: (directory) => this.#syncDirectory(directory),
      lock: (directory) => this.#lock(owner, directory),
    }
  }

  #inode(path: string, attempted: string): Inode {
    const inode = this.#names.get(path)
    if (inode === undefined) throw new DiskError({ code: 'ENOENT', path, attempted })
    return inode
  }

  #change(directory: string, change: (names: Names) => void): void {
    change(this.#names)
    this.#journal.push({ directory, change })
  }

  #charge(path: string, sizeBytes: number): void {
    const { freeBytes } = this.faults
    if (freeBytes === undefined) return
    if (sizeBytes > freeBytes) throw new DiskError({ code: 'ENOSPC', path, attempted: 'write' })
    this.faults.freeBytes = freeBytes - sizeBytes
  }

  #open(owner: EventOwner, path: string, options: { create?: boolean; preallocateBytes?: number }): DiskFile {
    if (options.create) {
      if (this.#names.has(path)) throw new DiskError({ code: 'EEXIST', path, attempted: 'create' })
      const created = new Inode()
      this.#change(parentOf(path), (names) => void names.set(path, created))
    }
    const inode = this.#inode(path, 'open')
    if (options.preallocateBytes !== undefined && inode.sizeBytes < options.preallocateBytes) {
      this.#charge(path, options.preallocateBytes)
      inode.truncate(options.preallocateBytes)
    }
    return {
      path,
      write: (bytes, position) => {
        if (!owner.isAlive) return
        if (position + bytes.length > inode.sizeBytes)
          this.#charge(path, position + bytes.length - inode.sizeBytes)
        inode.write(bytes, position)
      },
      sync: (done) => this.#sync(owner, inode, done),
      read: (position, length) => inode.current.slice(position, Math.min(position + length, inode.sizeBytes)),
      truncate: (sizeBytes) => inode.truncate(sizeBytes),
      sizeBytes: () => inode.sizeBytes,
      close: () => {},
    }
  }

  #sync(owner: EventOwner, inode: Inode, done: (error: DiskError | undefined) => void): void {
    const written = inode.pending.slice()
    const [leastUs, mostUs] = this.faults.syncUs
    const delayUs = leastUs + this.#random.int(Math.max(1, mostUs - leastUs))
    this.#loop.schedule({
      delayUs,
      label: 'disk sync',
      owner,
      run: () => {
        // Writes made after the call stay pending; an earlier sync may have settled some already.
        inode.settle(inode.pending.filter((write) => written.includes(write)).length)
        done(undefined)
      },
    })
  }

  #replaceFile(path: string, bytes: Uint8Array): void {
    this.#charge(path, bytes.length)
    const inode = new Inode()
    inode.write(bytes, 0)
    inode.settle(1)
    this.#change(parentOf(path), (names) => void names.set(path, inode))
    this.#syncDirectory(parentOf(path))
  }

  #list(directory: string): readonly string[] {
    const prefix = `${directory}/`
    const names = new Set<string>()
    for (const path of this.#names.keys()) {
      if (path.startsWith(prefix)) names.add(path.slice(prefix.length).split('/')[0] ?? '')
    }
    return [...names].sort()
  }

  #rename(from: string, to: string): void {
    const moved = [...this.#names.keys()].filter((path) => path === from || path.startsWith(`${from}/`))
    if (moved.length === 0) throw new DiskError({ code: 'ENOENT', path: from, attempted: `rename to ${to}` })
    this.#change(parentOf(to), (names) => {
      for (const path of moved) {
        const inode = names.get(path)
        names.delete(path)
        if (inode) names.set(to + path.slice(from.length), inode)
      }
    })
  }

  #remove(path: string): void {
    this.#change(parentOf(path), (names) => {
      for (const name of [...names.keys()])
        if (name === path || name.startsWith(`${path}/`)) names.delete(name)
    })
  }

  #syncDirectory(directory: string): void {
    // One journal: what came before a synced change is durable with it, as on a journalling file system.
    const last = this.#journal.findLastIndex((entry) => entry.directory === directory)
    for (const { change } of this.#journal.splice(0, last + 1)) change(this.#durableNames)
  }

  #lock(owner: EventOwner, directory: string): { release(): void } {
    const holder = this.#locks.get(directory)
    if (holder?.isAlive && holder !== owner) {
      throw new DiskError({
        code: 'ELOCKED',
        path: directory,
        attempted: `lock, which ${holder.name} holds;`,
      })
    }
    this.#locks.set(directory, owner)
    return {
      release: () => {
        if (this.#locks.get(directory) === owner) this.#locks.delete(directory)
      },
    }
  }
}
