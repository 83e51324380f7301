/**
 * The native client: connected to every endpoint, so that the next leader is a connection that stands
 * already. Members tell of a new leader the moment they know, and waiting writes leave in the same turn.
 */
import { defined } from '../../platform/assert.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Address, Network, TlsIdentity } from '../../platform/network.ts'
import { toKeyText, fromKeyText } from '../mvcc/key.ts'
import { recordKeyText, toKeyValue } from '../mvcc/record.ts'
import { type LeaderHint, type Message, parseStatus } from '../native-protocol.ts'
import { parseBytes, parseCount, parseFlag, parseList, parseOptionalBytes, parseText } from '../parse.ts'
import { encodeTxn, rangeCells } from '../txn/txn-codec.ts'
import { checkRequestSize, checkTxn, isReadOnly } from '../txn/validate.ts'
import { Calls } from './calls.ts'
import { Endpoint } from './endpoint.ts'
import {
  type CallOptions,
  type KeyValue,
  type MemberStatus,
  type OperationResult,
  type RangeRequest,
  type RangeResponse,
  type StoreClient,
  StoreError,
  type TxnRequest,
  type TxnResponse,
  type Watch,
  type WatchRequest,
} from './store-client.ts'
import { WatchStream } from './watch-stream.ts'

export interface StoreClientOptions {
  /** Client addresses of the members; all of them, for failover without a search. */
  readonly endpoints: readonly Address[]
  readonly tls: TlsIdentity
}

const defaultTimeoutMs = 5_000
const statusTimeoutMs = 2_000
const attachRetryMs = 20
/** Watches of one client at most. */
const watchesMax = 10_000

type ClientPowers = { readonly clock: Clock; readonly network: Network }

/** Connects in the background; the first calls wait for a connection within their own deadlines. */
export function createStoreClient(powers: ClientPowers, options: StoreClientOptions): StoreClient {
  return new NativeClient(powers, options)
}

class NativeClient implements StoreClient {
  readonly #clock: Clock
  readonly #endpoints: readonly Endpoint[]
  readonly #calls: Calls
  readonly #streams = new Set<WatchStream>()
  /** Streams by the id under which they are attached now. */
  readonly #attached = new Map<number, WatchStream>()
  #leader: LeaderHint = { leaderId: undefined, term: 0, host: undefined, port: 0 }
  #turn = 0
  #attachTimer: Timer | undefined
  #isClosed = false

  constructor(powers: ClientPowers, options: StoreClientOptions) {
    this.#clock = powers.clock
    this.#calls = new Calls(powers.clock, {
      leader: () => this.#leaderEndpoint(),
      any: (avoid) => this.#anyEndpoint(avoid),
      term: () => this.#leader.term,
    })
    const events = {
      onUp: () => this.#up(),
      onDown: (endpoint: Endpoint, reason: string) => this.#down(endpoint, reason),
      onLeader: (hint: LeaderHint) => this.#heardOfLeader(hint),
      onMessage: (endpoint: Endpoint, message: Message) => this.#message(endpoint, message),
    }
    this.#endpoints = options.endpoints.map(
      (address) => new Endpoint(powers, { address, tls: options.tls }, events),
    )
    for (const endpoint of this.#endpoints) endpoint.start()
  }

  #leaderEndpoint(): Endpoint | undefined {
    const { leaderId } = this.#leader
    return leaderId === undefined ? undefined : this.#endpoints.find(({ memberId }) => memberId === leaderId)
  }

  #anyEndpoint(avoid: Endpoint | undefined): Endpoint | undefined {
    const up = this.#endpoints.filter((endpoint) => endpoint.isUp)
    const others = up.filter((endpoint) => endpoint !== avoid)
    const choice = others.length > 0 ? others : up
    this.#turn += 1
    return choice[this.#turn % Math.max(1, choice.length)]
  }

  #up(): void {
    this.#calls.dispatchWaiting()
    this.#attachAll()
  }

  #down(endpoint: Endpoint, reason: string): void {
    if (endpoint === this.#leaderEndpoint()) this.#leader = { ...this.#leader, leaderId: undefined }
    this.#calls.endpointDown(endpoint, `${endpoint.name}: ${reason}`)
    for (const stream of [...this.#streams]) if (stream.at === endpoint) stream.detach()
  }

  /** Members know of leaders at different times; the highest term is right. */
  #heardOfLeader(hint: LeaderHint): void {
    if (hint.leaderId === undefined || hint.term < this.#leader.term) return
    const isNew = hint.leaderId !== this.#leader.leaderId || hint.term > this.#leader.term
    this.#leader = hint
    if (isNew) this.#calls.leaderChanged(hint.term)
  }

  #message(endpoint: Endpoint, message: Message): void {
    const id = message[1]
    const stream = typeof id === 'number' ? this.#attached.get(id) : undefined
    if (stream === undefined) this.#calls.answered(endpoint, message)
    else if (stream.at === endpoint && stream.id === id) stream.take(message)
  }

  #newStreamId(stream: WatchStream): number {
    this.#attached.delete(stream.id)
    const id = this.#calls.newId()
    this.#attached.set(id, stream)
    return id
  }

  #attachAll(): void {
    for (const stream of [...this.#streams]) stream.attach()
  }

  async range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse> {
    const first = await this.#page(request, options)
    const wanted = request.limit ?? 0
    const kvs: KeyValue[] = first.records.map(toKeyValue)
    let page = first
    // A member answers in pages of bounded size; together they are one answer at one revision.
    while (page.more && !request.countOnly && (wanted === 0 || kvs.length < wanted)) {
      const last = recordKeyText(defined(page.records[page.records.length - 1], 'last record of a page'))
      const rest = {
        ...request,
        key: fromKeyText(`${last}\0`),
        rangeEnd: defined(request.rangeEnd, 'end of a range of many keys'),
        limit: wanted === 0 ? 0 : wanted - kvs.length,
        revision: request.revision || first.revision,
        skipsCount: true,
      }
      page = await this.#page(rest, options)
      for (const record of page.records) kvs.push(toKeyValue(record))
    }
    return {
      revision: first.revision,
      kvs,
      more: first.count > kvs.length && !request.countOnly,
      count: first.count,
    }
  }

  async #page(request: RangeRequest & { readonly skipsCount?: boolean }, options: CallOptions | undefined) {
    const cells = rangeCells(request)
    const answer = await this.#call('read', `range from ${describe(request.key)}`, options, (id) => [
      'range',
      id,
      request.serializable ?? false,
      ...cells,
    ])
    return {
      revision: parseCount(answer[2], 'revision'),
      records: parseList(answer[3], 'records').map((record) => parseBytes(record, 'record')),
      more: parseFlag(answer[4]),
      count: parseCount(answer[5], 'count'),
    }
  }

  async txn(request: TxnRequest, options?: CallOptions): Promise<TxnResponse> {
    checkTxn(request)
    const bytes = encodeTxn(request)
    checkRequestSize(bytes.length)
    const kind = isReadOnly(request) ? 'read' : 'write'
    const key = request.success[0]?.key ?? request.compare[0]?.key
    const attempted = `transaction on ${key ? describe(key) : 'nothing'}`
    const answer = await this.#call(kind, attempted, options, (id) => ['txn', id, bytes])
    return {
      revision: parseCount(answer[2], 'revision'),
      succeeded: parseFlag(answer[3]),
      results: parseList(answer[4], 'results').map(parseResult),
    }
  }

  #call(
    kind: 'read' | 'write',
    attempted: string,
    options: CallOptions | undefined,
    message: (id: number) => Message,
  ): Promise<Message> {
    const timeoutMs = options?.timeoutMs ?? defaultTimeoutMs
    return this.#calls.call({ kind, attempted, timeoutMs, signal: options?.signal, message })
  }

  watch(request: WatchRequest): Watch {
    const stream = new WatchStream(request, {
      newId: (attached) => this.#newStreamId(attached),
      route: (_id, avoid) => this.#anyEndpoint(avoid),
      attachLater: () => this.#attachLater(),
      onEnd: (ended) => {
        this.#attached.delete(ended.id)
        this.#streams.delete(ended)
      },
    })
    if (this.#isClosed) stream.fail(new StoreError('closed', 'the store client is closed'))
    else if (this.#streams.size >= watchesMax) {
      stream.fail(
        new StoreError('too-many-requests', `this client has ${watchesMax} watches, which is the most`),
      )
    } else {
      this.#streams.add(stream)
      stream.attach()
    }
    return stream
  }

  #attachLater(): void {
    if (this.#isClosed) return
    this.#attachTimer ??= this.#clock.setTimer(attachRetryMs, () => {
      this.#attachTimer = undefined
      this.#attachAll()
    })
  }

  async leaseGrant(ttlSeconds: number, options?: CallOptions): Promise<string> {
    const ttlMs = Math.ceil(ttlSeconds * 1000)
    const answer = await this.#call('write', 'lease grant', options, (id) => ['lease-grant', id, ttlMs])
    return parseText(answer[2], 'lease id')
  }

  async leaseRevoke(lease: string, options?: CallOptions): Promise<void> {
    await this.#call('write', `revoke of lease ${lease}`, options, (id) => ['lease-revoke', id, lease])
  }

  async compact(revision: number, options?: CallOptions): Promise<void> {
    await this.#call('write', `compaction of revision ${revision}`, options, (id) => [
      'compact',
      id,
      revision,
    ])
  }

  status(
    options?: CallOptions,
  ): Promise<
    readonly { readonly endpoint: string; readonly status?: MemberStatus; readonly error?: string }[]
  > {
    return Promise.all(this.#endpoints.map((endpoint) => this.#statusOf(endpoint, options)))
  }

  async #statusOf(endpoint: Endpoint, options: CallOptions | undefined) {
    if (!endpoint.isUp) return { endpoint: endpoint.name, error: endpoint.lastError }
    try {
      const answer = await this.#calls.call({
        kind: 'read',
        attempted: `status of ${endpoint.name}`,
        timeoutMs: options?.timeoutMs ?? statusTimeoutMs,
        signal: options?.signal,
        only: endpoint,
        message: (id) => ['status', id],
      })
      return { endpoint: endpoint.name, status: parseStatus(answer) }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      return { endpoint: endpoint.name, error: error.message }
    }
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    this.#isClosed = true
    this.#attachTimer?.cancel()
    for (const stream of [...this.#streams]) stream.cancel()
    this.#calls.close()
    for (const endpoint of this.#endpoints) endpoint.close()
    return Promise.resolve()
  }
}

function describe(key: Uint8Array): string {
  return JSON.stringify(toKeyText(key.subarray(0, 200)))
}

function parseKeyValues(value: unknown): readonly KeyValue[] {
  return parseList(value, 'records').map((record) => toKeyValue(parseBytes(record, 'record')))
}

function parseResult(value: unknown): OperationResult {
  const cells = parseList(value, 'result')
  switch (cells[0]) {
    case 0: {
      const previous = parseOptionalBytes(cells[1], 'previous record')
      return { type: 'put', prevKv: previous && toKeyValue(previous) }
    }
    case 1:
      return { type: 'delete', deleted: parseCount(cells[1], 'deleted'), prevKvs: parseKeyValues(cells[2]) }
    default:
      return {
        type: 'range',
        revision: parseCount(cells[1], 'revision'),
        kvs: parseKeyValues(cells[2]),
        more: parseFlag(cells[3]),
        count: parseCount(cells[4], 'count'),
      }
  }
}
