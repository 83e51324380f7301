/**
 * Forgets the store's history every five minutes, so that a client may lag at least five and at most ten
 * behind. All apiservers run it; the version of one key elects, round by round, who compacts:
 *
 *     compact_rev_key   version v, value R(v)        each round: Txn(version == v → put current revision)
 *       won  : Compact(revision remembered from the round before)
 *       lost : remember the winner's version and revision, wait for the next round
 *
 * Source: k8s.io/apiserver/pkg/storage/etcd3/compact.go.
 */
import { sleep, type Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { StoreClient } from '../../store/client/store-client.ts'
import { keyBytes } from './keys.ts'

/** Upstream's key; robust against both sides running at once. */
const compactRevKey = 'compact_rev_key'

export interface CompactorState {
  /** Version of `compact_rev_key` as this apiserver last saw it. */
  readonly version: number
  /** The store's revision one round ago; 0: none yet. */
  readonly revision: number
}

/** One round. @returns the state for the next one. @throws StoreError */
export async function compactOnce(store: StoreClient, state: CompactorState): Promise<CompactorState> {
  const key = keyBytes(compactRevKey)
  const response = await store.txn({
    compare: [{ key, operator: '=', target: 'version', value: state.version }],
    success: [{ type: 'put', key, value: keyBytes(String(state.revision)) }],
    failure: [{ type: 'range', key }],
  })
  if (!response.succeeded) {
    const found = response.results[0]
    const version = found?.type === 'range' ? (found.kvs[0]?.version ?? 0) : 0
    return { version, revision: response.revision }
  }
  if (state.revision > 0) await store.compact(state.revision)
  return { version: state.version + 1, revision: response.revision }
}

/** Runs rounds until the signal aborts. A failed round is logged and tried again in the next. */
export async function runCompactor(
  powers: { readonly clock: Clock; readonly log: Log },
  options: { readonly store: StoreClient; readonly intervalMs: number },
  signal: AbortSignal,
): Promise<void> {
  let state: CompactorState = { version: 0, revision: 0 }
  while (!signal.aborted) {
    await sleep(powers.clock, options.intervalMs, signal)
    try {
      state = await compactOnce(options.store, state)
    } catch (error) {
      powers.log.warn('compaction round failed, trying again in the next', { error: String(error) })
    }
  }
}
