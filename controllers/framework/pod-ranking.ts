/**
 * Which pods go first when there are too many. A total order: the first difference decides.
 *
 *   unscheduled → Pending < Unknown < Running → not ready → lower deletion cost → more co-located siblings
 *   → ready for a shorter time → more restarts → newer → uid
 *
 * Times are compared by the power of two of their age, so that pods of one generation count as equal and a
 * scale-down does not always hit the newest. Upstream ends equal buckets by uid before it looks at restarts,
 * which is no total order when two of three times are equal; here restarts and age are looked at first.
 * Source: Kubernetes pkg/controller/controller_utils.go (ActivePodsWithRanks).
 */
import { isPodReady, podCondition } from '../../api/core/pod-conditions.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { Pod } from '../../api/types.ts'
import { compareTexts } from './claim.ts'

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost'
const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }

/** The annotated cost; 0 when absent or no integer. */
function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[deletionCostAnnotation] ?? '0'
  return /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : 0
}

/** `pods` ordered so that the first are to be deleted first. `siblings` are counted per node. */
export function rankForDeletion(
  pods: readonly Pod[],
  siblings: readonly Pod[],
  nowMs: number,
): readonly Pod[] {
  const perNode = new Map<string, number>()
  for (const { spec } of siblings) {
    const node = spec?.nodeName ?? ''
    if (node !== '') perNode.set(node, (perNode.get(node) ?? 0) + 1)
  }
  const ranked = pods.map((pod) => ({ pod, rank: rankOf(pod, perNode, nowMs) }))
  return ranked.sort((a, b) => compareRanks(a.rank, b.rank)).map(({ pod }) => pod)
}

interface Rank {
  /** Compared one after another, lower first. */
  readonly numbers: readonly number[]
  readonly uid: string
}

function rankOf(pod: Pod, perNode: ReadonlyMap<string, number>, nowMs: number): Rank {
  const node = pod.spec?.nodeName ?? ''
  const isReady = isPodReady(pod)
  const readyMs = isReady ? parseTime(podCondition(pod, 'Ready')?.lastTransitionTime) : undefined
  return {
    numbers: [
      node === '' ? 0 : 1,
      phaseRank[pod.status?.phase ?? ''] ?? 0,
      isReady ? 1 : 0,
      deletionCost(pod),
      -(perNode.get(node) ?? 0),
      ageBucket(readyMs, nowMs),
      -restartsOf(pod),
      ageBucket(parseTime(pod.metadata.creationTimestamp), nowMs),
    ],
    uid: pod.metadata.uid ?? '',
  }
}

/** The power of two of an age in seconds; no time at all sorts first, as upstream's zero times do. */
function ageBucket(sinceMs: number | undefined, nowMs: number): number {
  if (sinceMs === undefined) return -2
  const ageSeconds = (nowMs - sinceMs) / 1000
  return ageSeconds < 1 ? -1 : Math.floor(Math.log2(ageSeconds))
}

function restartsOf(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount))
}

function compareRanks(a: Rank, b: Rank): number {
  for (const [index, number] of a.numbers.entries()) {
    const difference = number - (b.numbers[index] ?? 0)
    if (difference !== 0) return difference
  }
  return compareTexts(a.uid, b.uid)
}
