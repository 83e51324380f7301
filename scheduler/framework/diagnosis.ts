/**
 * Why a pod fits nowhere, and the text about it that users read in `kubectl describe pod`:
 *
 *   0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {k: v}. preemption: 0/3 …
 *
 * Source: kube-scheduler framework `FitError`.
 */
import type { Rejection } from './rejection.ts'

export interface Diagnosis {
  readonly nodesTotal: number
  /** Why each node that was looked at was refused. */
  readonly rejections: ReadonlyMap<string, Rejection>
  /** Holds for every node that is not in `rejections`. */
  readonly absentRejection: Rejection | undefined
  /** Set when preFilter refused the pod as a whole. */
  readonly preFilterMessage: string
}

/** Every plugin that refused the pod somewhere: these decide when it is tried again. */
export function rejectingPlugins(diagnosis: Diagnosis): ReadonlySet<string> {
  const names = new Set<string>()
  for (const rejection of diagnosis.rejections.values()) names.add(rejection.plugin)
  if (diagnosis.absentRejection) names.add(diagnosis.absentRejection.plugin)
  return names
}

/** Plugins that wait for something outside: pods of these skip their back-off when it has come. */
export function pendingPlugins(diagnosis: Diagnosis): ReadonlySet<string> {
  const names = new Set<string>()
  for (const rejection of diagnosis.rejections.values()) {
    if (rejection.code === 'pending') names.add(rejection.plugin)
  }
  return names
}

/** The event text. `postFilterMessage` is appended as it is. */
export function formatDiagnosis(diagnosis: Diagnosis, postFilterMessage = ''): string {
  let text = `0/${diagnosis.nodesTotal} nodes are available:`
  if (diagnosis.preFilterMessage !== '') text += ` ${diagnosis.preFilterMessage}.`
  else {
    const histogram = reasonHistogram(diagnosis)
    if (histogram.length > 0) text += ` ${histogram.join(', ')}.`
  }
  return postFilterMessage === '' ? text : `${text} ${postFilterMessage}`
}

function reasonHistogram(diagnosis: Diagnosis): readonly string[] {
  const counts = new Map<string, number>()
  const count = (rejection: Rejection, times: number) => {
    for (const reason of rejection.reasons) counts.set(reason, (counts.get(reason) ?? 0) + times)
  }
  for (const rejection of diagnosis.rejections.values()) count(rejection, 1)
  const absent = diagnosis.nodesTotal - diagnosis.rejections.size
  if (absent > 0 && diagnosis.absentRejection) count(diagnosis.absentRejection, absent)
  return Array.from(counts, ([reason, times]) => `${times} ${reason}`).sort(byBytes)
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
