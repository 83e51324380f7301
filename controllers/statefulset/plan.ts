/**
 * `planStatefulSet`: what a StatefulSet wants done next. Pure.
 *
 *   ordinals   0 ─► 1 ─► 2 ─► …      made in order, each when all before it are Running and Ready
 *              … ◄─ 4 ◄─ 5           removed from the highest, one at a time, only while the others are healthy
 *   update     from the highest down to the partition, one after the other
 *
 * `podManagementPolicy: Parallel` drops the waiting, not the identities: there is never more than one pod of
 * a name, because a name is free only when its pod is gone.
 * Source: Kubernetes pkg/controller/statefulset/stateful_set_control.go.
 */
import { isPodAvailable, isPodReady, isPodTerminal, isPodTerminating } from '../../api/core/pod-conditions.ts'
import { resolveIntOrPercent } from '../../api/meta/int-or-string.ts'
import type { Pod, StatefulSet, StatefulSetStatus } from '../../api/types.ts'
import { revisionHashLabel } from '../framework/revisions.ts'
import { firstOrdinal, ordinalOf, type Revision, wantedReplicas } from './identity.ts'

export interface ObservedStatefulSet {
  readonly set: StatefulSet
  /** The pods that it controls. */
  readonly pods: readonly Pod[]
  /** The revision that most pods have, and the one of the present template; the same when nothing is rolled out. */
  readonly current: Revision
  readonly update: Revision
  readonly nowMs: number
}

export interface StatefulSetPlan {
  /** Ordinals to make, each from its revision. */
  readonly create: readonly { readonly ordinal: number; readonly revision: Revision }[]
  readonly delete: readonly Pod[]
  readonly status: StatefulSetStatus
}

interface View {
  readonly observed: ObservedStatefulSet
  readonly wanted: readonly number[]
  readonly byOrdinal: ReadonlyMap<number, Pod>
  /** Pods beyond the wanted ordinals, highest first. */
  readonly condemned: readonly Pod[]
  readonly isOrdered: boolean
}

type Step = Pick<StatefulSetPlan, 'create' | 'delete'>

export function planStatefulSet(observed: ObservedStatefulSet): StatefulSetPlan {
  const view = viewOf(observed)
  const status = statusOf(view)
  if (observed.set.metadata.deletionTimestamp !== undefined) return { create: [], delete: [], status }
  const replicas = planReplicas(view)
  if (replicas.mustWait) return { ...replicas.step, status }
  const condemned = planCondemned(view)
  const joined = join(replicas.step, condemned.step)
  if (condemned.mustWait || observed.set.spec?.updateStrategy?.type === 'OnDelete')
    return { ...joined, status }
  return { ...join(joined, planUpdate(view)), status }
}

function join(a: Step, b: Step): Step {
  return { create: [...a.create, ...b.create], delete: [...new Set([...a.delete, ...b.delete])] }
}

const nothing: Step = { create: [], delete: [] }

function viewOf(observed: ObservedStatefulSet): View {
  const { set, pods } = observed
  const first = firstOrdinal(set)
  const wanted = Array.from({ length: wantedReplicas(set) }, (_, index) => first + index)
  const byOrdinal = new Map<number, Pod>()
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod)
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod)
  }
  const isWanted = new Set(wanted)
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => !isWanted.has(ordinal))
    .sort(([a], [b]) => b - a)
    .map(([, pod]) => pod)
  return { observed, wanted, byOrdinal, condemned, isOrdered: set.spec?.podManagementPolicy !== 'Parallel' }
}

function isHealthy({ set, nowMs }: ObservedStatefulSet, pod: Pod): boolean {
  if (isPodTerminating(pod) || pod.status?.phase !== 'Running') return false
  return isPodReady(pod) && isPodAvailable(pod, set.spec?.minReadySeconds ?? 0, nowMs)
}

/** Every wanted ordinal in turn; in order, the first that is not healthy holds the rest up. */
function planReplicas(view: View): { readonly step: Step; readonly mustWait: boolean } {
  const { observed, wanted, byOrdinal, isOrdered } = view
  let step = nothing
  for (const ordinal of wanted) {
    const pod = byOrdinal.get(ordinal)
    const isBlocking = !pod || !isHealthy(observed, pod)
    if (!pod)
      step = join(step, { create: [{ ordinal, revision: revisionFor(observed, ordinal) }], delete: [] })
    else if (isPodTerminal(pod) && !isPodTerminating(pod)) step = join(step, { create: [], delete: [pod] })
    if (isBlocking && isOrdered) return { step, mustWait: true }
  }
  return { step, mustWait: false }
}

/** A new pod below the partition, or among the first not yet updated, is made from the current revision. */
function revisionFor({ set, current, update }: ObservedStatefulSet, ordinal: number): Revision {
  const { updateStrategy } = set.spec ?? {}
  if (updateStrategy?.type === 'OnDelete' || current.name === update.name) return update
  const partition = updateStrategy?.rollingUpdate?.partition ?? 0
  const index = ordinal - firstOrdinal(set)
  const untouched = partition > 0 ? partition : (set.status?.currentReplicas ?? 0)
  return index < untouched ? current : update
}

/** From the highest, one at a time in order; while one is going, or another is unhealthy, wait. */
function planCondemned({ observed, condemned, isOrdered }: View): {
  readonly step: Step
  readonly mustWait: boolean
} {
  const staying = condemned.filter((pod) => !isPodTerminating(pod))
  if (!isOrdered) return { step: { create: [], delete: staying }, mustWait: false }
  const [highest] = condemned
  if (!highest) return { step: nothing, mustWait: false }
  if (isPodTerminating(highest)) return { step: nothing, mustWait: true }
  // All wanted ones are healthy here; of the condemned the lowest unhealthy one may go, any healthy one too.
  const unhealthy = condemned.filter((pod) => !isHealthy(observed, pod))
  const isHeldUp = unhealthy.length > 0 && unhealthy.at(-1) !== highest && !isHealthy(observed, highest)
  return { step: isHeldUp ? nothing : { create: [], delete: [highest] }, mustWait: true }
}

/** The highest pods of another revision, as many as may be unavailable; what is unhealthy counts against that. */
function planUpdate({ observed, wanted, byOrdinal }: View): Step {
  const { set, update } = observed
  const { partition = 0, maxUnavailable = 1 } = set.spec?.updateStrategy?.rollingUpdate ?? {}
  let room = Math.max(resolveIntOrPercent(maxUnavailable, wanted.length, true), 1)
  const outdated: Pod[] = []
  const first = firstOrdinal(set)
  for (const ordinal of [...wanted].reverse()) {
    const pod = byOrdinal.get(ordinal)
    if (room <= 0) break
    if (!pod) {
      room -= 1
      continue
    }
    const isOutdated = pod.metadata.labels?.[revisionHashLabel] !== update.name
    if (isOutdated && ordinal - first >= partition && !isPodTerminating(pod)) {
      outdated.push(pod)
      room -= 1
    } else if (!isHealthy(observed, pod)) {
      room -= 1
    }
  }
  return { create: [], delete: outdated }
}

function statusOf({ observed, byOrdinal }: View): StatefulSetStatus {
  const { set, current, update } = observed
  const pods = [...byOrdinal.values()].filter((pod) => !isPodTerminal(pod))
  const count = (test: (pod: Pod) => boolean) => pods.filter(test).length
  const ofRevision = ({ name }: Revision) =>
    count((pod) => !isPodTerminating(pod) && pod.metadata.labels?.[revisionHashLabel] === name)
  const replicas = pods.length
  const updatedReplicas = ofRevision(update)
  const readyReplicas = count((pod) => isPodReady(pod) && pod.status?.phase === 'Running')
  const isOnDelete = set.spec?.updateStrategy?.type === 'OnDelete'
  const isRolledOut =
    !isOnDelete &&
    updatedReplicas === replicas &&
    readyReplicas === replicas &&
    replicas === wantedReplicas(set)
  return {
    ...set.status,
    observedGeneration: set.metadata.generation,
    replicas,
    readyReplicas,
    availableReplicas: count((pod) => isHealthy(observed, pod)),
    updatedReplicas,
    currentReplicas: isRolledOut ? updatedReplicas : ofRevision(current),
    currentRevision: isRolledOut ? update.name : current.name,
    updateRevision: update.name,
  }
}
