/**
 * What a log entry says: a frame of commands, and its leader's reading of the lease clock. Time and random
 * values (lease ids) travel inside, so applying an entry needs nothing but the entry and the state.
 * Format 1 (msgpack, no records): [1, leaseClockMs, [command, …]].
 */
import { Packr } from 'msgpackr'
import { unreachable } from '../platform/assert.ts'
import { Refusal } from './errors.ts'
import { parseBytes, parseCount, parseLeaseId, parseList, parseMs, parseText } from './parse.ts'

const format = 1

/** A member as it announced itself when it last became leader. */
export interface MemberAttributes {
  readonly id: string
  readonly name: string
  /** Where clients find it: host:port. */
  readonly clientHost: string
  readonly clientPort: number
}

export type Command =
  /** The client's own bytes (`txn-codec`). */
  | { readonly kind: 'txn'; readonly request: Uint8Array }
  | { readonly kind: 'lease-grant'; readonly id: string; readonly ttlMs: number }
  | { readonly kind: 'lease-keep-alive'; readonly id: string }
  | { readonly kind: 'lease-revoke'; readonly id: string }
  /** The leader saw these run out; unlike `lease-revoke`, those that were renewed meanwhile stay. */
  | { readonly kind: 'lease-expire'; readonly ids: readonly string[] }
  | { readonly kind: 'compact'; readonly revision: number }
  /** Nothing but the lease clock. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'announce'; readonly member: MemberAttributes }

export interface CommandFrame {
  readonly leaseClockMs: number
  readonly commands: readonly Command[]
}

const packr = new Packr({ useRecords: false })

export function encodeFrame(frame: CommandFrame): Uint8Array {
  return packr.pack([format, frame.leaseClockMs, frame.commands.map(commandCells)])
}

function commandCells(command: Command): readonly unknown[] {
  switch (command.kind) {
    case 'txn':
      return [0, command.request]
    case 'lease-grant':
      return [1, command.id, command.ttlMs]
    case 'lease-keep-alive':
      return [2, command.id]
    case 'lease-revoke':
      return [3, command.id]
    case 'lease-expire':
      return [4, command.ids]
    case 'compact':
      return [5, command.revision]
    case 'tick':
      return [6]
    case 'announce': {
      const { id, name, clientHost, clientPort } = command.member
      return [7, id, name, clientHost, clientPort]
    }
    default:
      return unreachable(command)
  }
}

/** @throws Refusal when the bytes are no frame of a known format: never for frames made by `encodeFrame` */
export function decodeFrame(bytes: Uint8Array): CommandFrame {
  const cells = parseList(packr.unpack(bytes), 'command frame')
  if (cells[0] !== format) {
    throw new Refusal(
      'invalid-argument',
      `command frame format ${String(cells[0])} is not known here; this member's release is too old for its log`,
    )
  }
  return {
    leaseClockMs: parseMs(cells[1], 'lease clock'),
    commands: parseList(cells[2], 'commands').map(parseCommand),
  }
}

function parseCommand(value: unknown): Command {
  const cells = parseList(value, 'command')
  switch (cells[0]) {
    case 0:
      return { kind: 'txn', request: parseBytes(cells[1], 'transaction') }
    case 1:
      return {
        kind: 'lease-grant',
        id: parseLeaseId(cells[1], 'lease id'),
        ttlMs: parseCount(cells[2], 'ttl'),
      }
    case 2:
      return { kind: 'lease-keep-alive', id: parseLeaseId(cells[1], 'lease id') }
    case 3:
      return { kind: 'lease-revoke', id: parseLeaseId(cells[1], 'lease id') }
    case 4:
      return {
        kind: 'lease-expire',
        ids: parseList(cells[1], 'lease ids').map((id) => parseLeaseId(id, 'id')),
      }
    case 5:
      return { kind: 'compact', revision: parseCount(cells[1], 'revision') }
    case 6:
      return { kind: 'tick' }
    case 7:
      return { kind: 'announce', member: parseMember(cells.slice(1)) }
    default:
      throw new Refusal('invalid-argument', `command ${String(cells[0])} is not known here`)
  }
}

/** The cells of a member: id, name, host, port. @throws Refusal */
export function parseMember(cells: readonly unknown[]): MemberAttributes {
  return {
    id: parseText(cells[0], 'member id'),
    name: parseText(cells[1], 'member name'),
    clientHost: parseText(cells[2], 'client host'),
    clientPort: parseCount(cells[3], 'client port'),
  }
}
