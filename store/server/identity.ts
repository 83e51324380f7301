/**
 * The file `identity` in a data directory: whose data it is. Written once, at the first start; a directory
 * that is another member's, another cluster's, or no member's at all is refused rather than guessed about. (That
 * a directory was wiped is noticed by the peers: Raft's handshake carries a uuid of its own.)
 */
import { messageOf } from '../../platform/assert.ts'
import type { Crypto } from '../../platform/crypto.ts'
import { type Disk, DiskError } from '../../platform/disk.ts'
import { type MemberId, toMemberId } from '../../raft/types.ts'

export interface Identity {
  readonly format: 1
  readonly name: string
  readonly memberId: MemberId
  readonly clusterId: string
}

/** A data directory cannot be used; the message says why and what to do. */
export class DataDirectoryError extends Error {
  readonly code: 'unwritable' | 'locked' | 'foreign' | 'harmed'
  readonly directory: string
  constructor(options: {
    code: DataDirectoryError['code']
    directory: string
    message: string
    cause?: unknown
  }) {
    super(`data directory ${options.directory}: ${options.message}`, { cause: options.cause })
    this.name = 'DataDirectoryError'
    this.code = options.code
    this.directory = options.directory
  }
}

function hex16(digest: Uint8Array): string {
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Every member computes the same id for a name, so a first start needs no rendezvous. */
export function memberIdOf(crypto: Crypto, options: { clusterToken: string; name: string }): MemberId {
  return toMemberId(hex16(crypto.digest(`${options.clusterToken}/${options.name}`)))
}

export function clusterIdOf(crypto: Crypto, clusterToken: string): string {
  return hex16(crypto.digest(clusterToken))
}

export interface IdentityOptions {
  readonly directory: string
  readonly name: string
  readonly clusterToken: string
}

type IdentityPowers = { readonly disk: Disk; readonly crypto: Crypto }

/** Takes the directory's lock. @throws DataDirectoryError `unwritable`, `locked` */
export function lockDirectory(disk: Disk, directory: string): { release(): void } {
  try {
    disk.makeDirectory(directory)
    return disk.lock(directory)
  } catch (error) {
    const isLocked = error instanceof DiskError && error.code === 'ELOCKED'
    throw new DataDirectoryError({
      code: isLocked ? 'locked' : 'unwritable',
      directory,
      message: isLocked
        ? `another member is using it (${messageOf(error)}). Stop that one first; two members never share a directory.`
        : `it cannot be written (${messageOf(error)}). Give a directory that this user may write.`,
      cause: error,
    })
  }
}

/** Reads the identity, or makes one in an empty directory. @throws DataDirectoryError */
export function openIdentity(powers: IdentityPowers, options: IdentityOptions): Identity {
  const { directory, name, clusterToken } = options
  const wanted = {
    memberId: memberIdOf(powers.crypto, options),
    clusterId: clusterIdOf(powers.crypto, clusterToken),
  }
  const found = readIdentity(powers.disk, directory)
  if (!found) return makeIdentity(powers, { ...options, ...wanted })
  const refuse = (message: string) => new DataDirectoryError({ code: 'foreign', directory, message })
  if (found.clusterId !== wanted.clusterId) {
    throw refuse(
      `it belongs to cluster ${found.clusterId} (member ${found.name}), not to ${wanted.clusterId}, the cluster of ` +
        `token ${JSON.stringify(clusterToken)}. Give another directory or the right --initial-cluster-token.`,
    )
  }
  if (found.memberId !== wanted.memberId) {
    throw refuse(
      `it belongs to member ${found.name}, not to ${name}. Give each member a directory of its own.`,
    )
  }
  return found
}

function makeIdentity(
  powers: IdentityPowers,
  options: IdentityOptions & { readonly memberId: MemberId; readonly clusterId: string },
): Identity {
  const { directory, name, memberId, clusterId } = options
  const strangers = powers.disk.list(directory).filter((entry) => !/^(lock|\.)/i.test(entry))
  if (strangers.length > 0) {
    throw new DataDirectoryError({
      code: 'foreign',
      directory,
      message: `it has no identity file but holds ${strangers.slice(0, 5).join(', ')}. Give an empty directory.`,
    })
  }
  const identity: Identity = { format: 1, name, memberId, clusterId }
  powers.disk.replaceFile(`${directory}/identity`, new TextEncoder().encode(`${JSON.stringify(identity)}\n`))
  return identity
}

function readIdentity(disk: Disk, directory: string): Identity | undefined {
  const path = `${directory}/identity`
  let bytes: Uint8Array
  try {
    bytes = disk.readFile(path)
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    return parseIdentity(JSON.parse(new TextDecoder().decode(bytes)))
  } catch (error) {
    throw new DataDirectoryError({
      code: 'harmed',
      directory,
      message: `its file identity cannot be understood (${messageOf(error)}). Restore it, or start with an empty directory as a new member.`,
    })
  }
}

function parseIdentity(value: unknown): Identity {
  if (typeof value !== 'object' || value === null) throw new Error('it holds no object')
  const fields: Record<string, unknown> = { ...value }
  const text = (field: string): string => {
    const found = fields[field]
    if (typeof found !== 'string' || found === '') throw new Error(`${field} is not given`)
    return found
  }
  if (fields['format'] !== 1) throw new Error(`format ${String(fields['format'])} is not known here`)
  return {
    format: 1,
    name: text('name'),
    memberId: toMemberId(text('memberId')),
    clusterId: text('clusterId'),
  }
}
