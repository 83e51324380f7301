/**
 * Carries out a decision: permit, preBind, bind, postBind; asynchronous, many pods at once. The pod is assumed
 * on its node all the while, so that nobody else is given its room.
 *
 * When a bind fails it may still have happened (the answer was lost) or another may have bound the pod (a
 * leader that was cut off, another scheduler). So the server is asked what is true before anything is done:
 *
 *   bind ──ok──▶ bound
 *     └─error─▶ get ──┬─ our node, same uid ─────▶ bound
 *                     ├─ another node ───────────▶ bound elsewhere: forget, never bind again
 *                     ├─ gone, or another uid ───▶ gone: forget
 *                     ├─ no node ────────────────▶ failed: forget, try the pod again
 *                     └─ no answer ──────────────▶ ask again; the room stays taken meanwhile
 *
 * The apiserver refuses a second binding, so "get says no node, and the first request arrives later" ends in
 * a Conflict for one of the two requests and never in two nodes.
 */
import { isNotFound } from '../api/meta/status.ts'
import { messageOf } from '../platform/assert.ts'
import { type Clock, sleep } from '../platform/clock.ts'
import type { PodInfo } from './cache/pod-info.ts'
import type { CycleState } from './framework/cycle-state.ts'
import type { Framework } from './framework/framework.ts'
import type { Rejection } from './framework/rejection.ts'
import type { SchedulerApi } from './scheduler-api.ts'

export type BindingOutcome =
  | { readonly kind: 'bound' }
  | { readonly kind: 'bound-elsewhere'; readonly nodeName: string }
  | { readonly kind: 'gone' }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  | { readonly kind: 'failed'; readonly error: Error }

export interface Binding {
  readonly framework: Framework
  readonly state: CycleState
  /** Carries the node's name. */
  readonly pod: PodInfo
  readonly nodeName: string
  readonly api: SchedulerApi
  readonly clock: Clock
}

/** Between two questions about a pod whose binding had no answer. */
export const askAgainMs = 500

/** Runs the binding cycle. @throws only the signal's reason: then it is not known whether the pod was bound */
export async function bindPod(binding: Binding, signal: AbortSignal): Promise<BindingOutcome> {
  const { framework, state, pod, nodeName } = binding
  try {
    const rejection =
      (await framework.permit(state, pod, nodeName, signal)) ??
      (await framework.preBind(state, pod, nodeName, signal))
    if (rejection) return { kind: 'rejected', rejection }
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'failed', error: asError(error) }
  }
  try {
    await framework.bind(state, pod, nodeName, signal)
  } catch (error) {
    signal.throwIfAborted()
    const outcome = await findOut(binding, asError(error), signal)
    if (outcome.kind !== 'bound') return outcome
  }
  framework.postBind(state, pod, nodeName)
  return { kind: 'bound' }
}

async function findOut(binding: Binding, bindError: Error, signal: AbortSignal): Promise<BindingOutcome> {
  const { api, pod, nodeName, clock } = binding
  if (isNotFound(bindError)) return { kind: 'gone' }
  for (;;) {
    try {
      const current = await api.get(pod, signal)
      if (current.metadata.uid !== pod.uid) return { kind: 'gone' }
      const found = current.spec?.nodeName ?? ''
      if (found === nodeName) return { kind: 'bound' }
      if (found !== '') return { kind: 'bound-elsewhere', nodeName: found }
      return { kind: 'failed', error: bindError }
    } catch (error) {
      signal.throwIfAborted()
      if (isNotFound(error)) return { kind: 'gone' }
      await sleep(clock, askAgainMs, signal)
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(messageOf(error))
}
