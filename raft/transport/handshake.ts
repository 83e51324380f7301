/**
 * The first frame of each side. The dialler says who it is and whom it means; the other answers with the
 * same about itself, or says why it will not talk. Both check cluster, member and *store*: a random id that
 * is drawn with each new data directory. A member whose disk was wiped and who comes back under its old id
 * has forgotten its votes and its acks, so nobody talks to it (etcd #10166, #20269).
 */
import type { MemberId } from '../types.ts'
import { toMemberId } from '../types.ts'
import { list, number, pack, text, unpack } from './codec.ts'

export const protocolVersion = 1

/** What a connection is for: small messages must never wait behind a snapshot. */
export type Channel = 'raft' | 'snapshot'

export interface Hello {
  readonly clusterId: string
  readonly from: MemberId
  readonly to: MemberId
  readonly storeUuid: string
  readonly channel: Channel
}

/** The other side will not talk to this one, and why; trying again at once is useless. */
export class HandshakeRefused extends Error {
  readonly code = 'E_RAFT_HANDSHAKE'
  constructor(reason: string) {
    super(reason)
    this.name = 'HandshakeRefused'
  }
}

export function encodeHello(hello: Hello): Uint8Array {
  const { clusterId, from, to, storeUuid, channel } = hello
  return pack(['skedia-raft', protocolVersion, clusterId, from, to, storeUuid, channel])
}

/** @throws HandshakeRefused, FrameError */
export function decodeHello(frame: Uint8Array): Hello {
  const f = list(unpack(frame))
  if (f[0] !== 'skedia-raft')
    throw new HandshakeRefused('this is not a Skedia raft port, or not a Skedia peer')
  const version = number(f[1])
  if (version !== protocolVersion) {
    throw new HandshakeRefused(`the peer speaks raft protocol ${version}, this member ${protocolVersion}`)
  }
  const channel = text(f[6])
  if (channel !== 'raft' && channel !== 'snapshot') throw new HandshakeRefused(`unknown channel ${channel}`)
  return {
    clusterId: text(f[2]),
    from: toMemberId(text(f[3])),
    to: toMemberId(text(f[4])),
    storeUuid: text(f[5]),
    channel,
  }
}

export function encodeRefusal(reason: string): Uint8Array {
  return pack(['refused', reason])
}

/** The answer to a hello: the other side's own hello. @throws HandshakeRefused, FrameError */
export function decodeAnswer(frame: Uint8Array): Hello {
  const f = list(unpack(frame))
  if (f[0] === 'refused') throw new HandshakeRefused(text(f[1]))
  return decodeHello(frame)
}

/** What this side knows about itself and expects of others. */
export interface HandshakeRules {
  readonly clusterId: string
  readonly id: MemberId
  readonly storeUuid: string
  /** Remembers a peer's store; returns the remembered one, which may differ from what it now says. */
  readonly rememberStore: (id: MemberId, storeUuid: string) => string
}

/** Why `hello` must be refused; undefined when it is welcome. */
export function whyRefuse(rules: HandshakeRules, hello: Hello): string | undefined {
  const { clusterId, from, to, storeUuid } = hello
  if (clusterId !== rules.clusterId) {
    return `member ${from} belongs to cluster ${clusterId}, this one to ${rules.clusterId}: check the cluster token and the peers' addresses`
  }
  if (to !== rules.id) {
    return `member ${from} means ${to}, but this is ${rules.id}: check the peers' addresses`
  }
  const known = rules.rememberStore(from, storeUuid)
  if (known !== storeUuid) {
    return `member ${from} came back with another data directory (store ${storeUuid}, known is ${known}): it has forgotten what it promised. Remove it from the cluster and add it under a new id`
  }
  return undefined
}
