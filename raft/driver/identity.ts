/**
 * Who this data directory is, and whom it has met: `raft.json` beside the WAL segments. The store uuid is
 * drawn once per directory. Peers remember it, and so does this member theirs; a member that comes back with
 * another one has lost its promises (see transport/handshake).
 */
import { type Disk, DiskError } from '../../platform/disk.ts'
import type { Random } from '../../platform/random.ts'
import { uuid } from '../../platform/random.ts'
import type { MemberId } from '../types.ts'
import { toMemberId } from '../types.ts'
import { WalError } from '../wal/recovery.ts'

interface IdentityFile {
  readonly version: 1
  readonly clusterId: string
  readonly memberId: MemberId
  readonly storeUuid: string
  /** Set once the first WAL frame is durable: from then on a missing WAL is a loss. */
  readonly isInitialised: boolean
  readonly peers: Readonly<Record<string, string>>
}

export class Identity {
  readonly #disk: Disk
  readonly #path: string
  #file: IdentityFile

  private constructor(disk: Disk, path: string, file: IdentityFile) {
    this.#disk = disk
    this.#path = path
    this.#file = file
  }

  /** Reads the identity, or makes a new one. @throws WalError when the directory belongs to another member */
  static open(options: {
    readonly disk: Disk
    readonly random: Random
    readonly directory: string
    readonly clusterId: string
    readonly memberId: MemberId
  }): Identity {
    const { disk, directory, clusterId, memberId } = options
    const path = `${directory}/raft.json`
    const found = read(disk, path)
    if (!found) {
      disk.makeDirectory(directory)
      const storeUuid = uuid(options.random.fork('store-uuid'))
      const fresh: IdentityFile = {
        version: 1,
        clusterId,
        memberId,
        storeUuid,
        isInitialised: false,
        peers: {},
      }
      const identity = new Identity(disk, path, fresh)
      identity.#write(fresh)
      return identity
    }
    if (found.clusterId !== clusterId || found.memberId !== memberId) {
      throw new WalError(
        'E_WAL_FOREIGN',
        `cannot start member ${memberId} of cluster ${clusterId} in ${directory}: the directory belongs to member ` +
          `${found.memberId} of cluster ${found.clusterId}. Check the data directory, the member's name and the cluster token.`,
      )
    }
    return new Identity(disk, path, found)
  }

  get storeUuid(): string {
    return this.#file.storeUuid
  }

  get isInitialised(): boolean {
    return this.#file.isInitialised
  }

  markInitialised(): void {
    if (!this.#file.isInitialised) this.#write({ ...this.#file, isInitialised: true })
  }

  /** The store that `id` is known by; the first one that it names is remembered, durably. */
  rememberStore(id: MemberId, storeUuid: string): string {
    const known = this.#file.peers[id]
    if (known !== undefined) return known
    this.#write({ ...this.#file, peers: { ...this.#file.peers, [id]: storeUuid } })
    return storeUuid
  }

  #write(file: IdentityFile): void {
    this.#file = file
    this.#disk.replaceFile(this.#path, new TextEncoder().encode(`${JSON.stringify(file, undefined, 2)}\n`))
  }
}

function read(disk: Disk, path: string): IdentityFile | undefined {
  let text: string
  try {
    text = new TextDecoder().decode(disk.readFile(path))
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return undefined
    throw error
  }
  const file = parse(text)
  if (!file) {
    throw new WalError(
      'E_WAL_CORRUPT',
      `cannot read ${path}: expected a Skedia raft identity of version 1. Restore the file, or remove this member from the cluster and add it anew with an empty data directory.`,
    )
  }
  return file
}

function parse(text: string): IdentityFile | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(value) || value['version'] !== 1 || !isRecord(value['peers'])) return undefined
  const { clusterId, memberId, storeUuid } = value
  if (typeof clusterId !== 'string' || typeof memberId !== 'string' || typeof storeUuid !== 'string')
    return undefined
  const peers: Record<string, string> = {}
  for (const [id, store] of Object.entries(value['peers'])) if (typeof store === 'string') peers[id] = store
  const isInitialised = value['isInitialised'] === true
  return { version: 1, clusterId, memberId: toMemberId(memberId), storeUuid, isInitialised, peers }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
