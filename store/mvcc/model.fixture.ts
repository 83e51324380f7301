/**
 * The slow, obvious model of the key space: every revision is a whole copy of the map. And the real one over
 * a plain map of records, with the same verbs.
 */
import { defined } from '../../platform/assert.ts'
import { toLogIndex, toTerm } from '../../raft/types.ts'
import { type CommandOutcome, StoreState } from '../apply.ts'
import type { Compare, KeyValue, Operation, TxnRequest } from '../client/store-client.ts'
import { type Command, encodeFrame } from '../command.ts'
import { decodeTxn, encodeTxn } from '../txn/txn-codec.ts'
import { isInRange, toKeyRange, toKeyText } from './key.ts'
import type { RevisionChanges } from './mvcc.ts'
import { placeOf, placeKey, toKeyValue } from './record.ts'

export interface ModelEntry {
  readonly key: string
  readonly value: string
  readonly create: number
  readonly mod: number
  readonly version: number
}

export interface ModelEvent {
  readonly type: 'put' | 'delete'
  readonly key: string
  readonly mod: number
}

type Contents = ReadonlyMap<string, ModelEntry>

export class Model {
  revision = 1
  compactRevision = 0
  readonly #revisions = new Map<number, Contents>([[1, new Map()]])
  readonly events: ModelEvent[] = []

  at(revision: number): Contents {
    return defined(this.#revisions.get(revision === 0 ? this.revision : revision), `revision ${revision}`)
  }

  /** The keys of a range at a revision, as text. */
  range(key: Uint8Array, rangeEnd: Uint8Array | undefined, revision: number): readonly string[] {
    return linesOf(this.at(revision), key, rangeEnd)
  }

  /** `ranges`: what the range operations of the branch give, in order. */
  txn(request: TxnRequest): { readonly succeeded: boolean; readonly ranges: readonly (readonly string[])[] } {
    const before = this.at(0)
    const succeeded = request.compare.every((compare) => modelHolds(before, compare))
    const contents = new Map(before)
    const revision = this.revision + 1
    const events: ModelEvent[] = []
    const ranges: (readonly string[])[] = []
    for (const operation of succeeded ? request.success : request.failure) {
      if (operation.type === 'range') {
        const at = operation.revision ? this.at(operation.revision) : contents
        ranges.push(linesOf(at, operation.key, operation.rangeEnd))
      } else {
        events.push(...modelApply(contents, operation, revision))
      }
    }
    if (events.length > 0) {
      this.revision = revision
      this.#revisions.set(revision, contents)
      this.events.push(...events)
    }
    return { succeeded, ranges }
  }

  compact(revision: number): void {
    this.compactRevision = revision
  }
}

function linesOf(contents: Contents, key: Uint8Array, rangeEnd: Uint8Array | undefined): readonly string[] {
  const range = toKeyRange(key, rangeEnd)
  return [...contents.values()]
    .filter((entry) => isInRange(range, entry.key))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map((entry) => show(entry))
}

function modelHolds(contents: Contents, compare: Compare): boolean {
  const entry = contents.get(toKeyText(compare.key))
  const order = (a: number | string, b: number | string) =>
    ({ '=': a === b, '!=': a !== b, '<': a < b, '>': a > b })[compare.operator]
  switch (compare.target) {
    case 'value':
      return entry !== undefined && order(entry.value, toKeyText(compare.value))
    case 'mod':
      return order(entry?.mod ?? 0, compare.value)
    case 'create':
      return order(entry?.create ?? 0, compare.value)
    case 'version':
      return order(entry?.version ?? 0, compare.value)
  }
}

function modelApply(
  contents: Map<string, ModelEntry>,
  operation: Exclude<Operation, { type: 'range' }>,
  revision: number,
): ModelEvent[] {
  if (operation.type === 'put') {
    const key = toKeyText(operation.key)
    const before = contents.get(key)
    contents.set(key, {
      key,
      value: toKeyText(operation.value),
      create: before?.create ?? revision,
      mod: revision,
      version: (before?.version ?? 0) + 1,
    })
    return [{ type: 'put', key, mod: revision }]
  }
  const range = toKeyRange(operation.key, operation.rangeEnd)
  const gone = [...contents.keys()].filter((key) => isInRange(range, key)).sort()
  for (const key of gone) contents.delete(key)
  return gone.map((key) => ({ type: 'delete', key, mod: revision }))
}

/** An entry in one line. */
export function show(entry: ModelEntry): string {
  return `${entry.key}=${entry.value} create ${entry.create} mod ${entry.mod} version ${entry.version}`
}

/** A key-value in the same line. */
export function showKeyValue(kv: KeyValue): string {
  return show({
    key: toKeyText(kv.key),
    value: toKeyText(kv.value),
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
  })
}

/** The real key space over a map of records; removing one that is still read fails at once. */
export class Real {
  readonly records = new Map<string, Uint8Array>()
  readonly changes: RevisionChanges[] = []
  state: StoreState

  constructor() {
    this.state = this.#newState()
  }

  #newState(): StoreState {
    return new StoreState((place) =>
      defined(this.records.get(toKeyText(placeKey(place))), `record ${place.main}/${place.sub}`),
    )
  }

  command(command: Command, clockMs = 0): CommandOutcome {
    const data = encodeFrame({ leaseClockMs: clockMs, commands: [command] })
    const index = toLogIndex(this.state.index + 1)
    const entry = { index, term: toTerm(1), kind: 'normal' as const, data }
    const { outcomes } = this.state.apply({ entry }, true, ({ revision, changes }) => {
      changes.forEach(({ record }, sub) => {
        this.records.set(toKeyText(placeKey({ main: revision, sub })), record)
      })
      this.changes.push({ revision, changes })
    })
    return defined(outcomes[0], 'outcome')
  }

  txn(request: TxnRequest): CommandOutcome {
    const bytes = encodeTxn(request)
    decodeTxn(bytes)
    return this.command({ kind: 'txn', request: bytes })
  }

  range(key: Uint8Array, rangeEnd: Uint8Array | undefined, revision: number, limit = 0) {
    const range = toKeyRange(key, rangeEnd)
    const flags = { isKeysOnly: false, isCountOnly: false, skipsCount: false }
    const found = this.state.mvcc.range({ range, limit, revision, ...flags })
    return { ...found, lines: found.records.map((record) => showKeyValue(toKeyValue(record))) }
  }

  /** A step of compaction, with a checkpoint before it or not. */
  removeGarbage(countMax: number, hasCheckpoint: boolean): void {
    const { compactor } = this.state.mvcc
    if (hasCheckpoint) compactor.checkpointDone(compactor.checkpointBegun())
    for (const place of compactor.step(countMax)) this.records.delete(toKeyText(placeKey(place)))
  }

  /** Builds the index anew from the records, as at boot. */
  reload(): void {
    const { revision, compactRevision } = this.state.mvcc
    const { index } = this.state
    const fresh = this.#newState()
    for (const key of [...this.records.keys()].sort()) {
      const place = defined(placeOf(Uint8Array.from(key, (c) => c.charCodeAt(0))), 'place')
      fresh.mvcc.load(place, defined(this.records.get(key), 'record'))
    }
    fresh.mvcc.finishLoad({ revision, compactRevision })
    fresh.index = index
    this.state = fresh
  }
}
