/**
 * Makes room for a pod that fits nowhere by deleting less important ones, and nominates the node to it.
 * The deciding is pure and at once (`preemption.ts`); the deleting goes on in the background, and until it
 * is done the pod is gated, so that it does not preempt a second time meanwhile.
 *
 * Source: KEP-4832 (asynchronous preemption).
 */
import { isNotFound } from '../../api/meta/status.ts'
import { messageOf } from '../../platform/assert.ts'
import { formatTime } from '../../platform/clock.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { CycleState } from '../framework/cycle-state.ts'
import { type Diagnosis, formatDiagnosis } from '../framework/diagnosis.ts'
import type { Plugin, PostFilterResult } from '../framework/extension-points.ts'
import type { Handle } from '../framework/handle.ts'
import { type Rejection, unresolvable } from '../framework/rejection.ts'
import { type Candidate, pickCandidate, selectVictims } from '../preemption.ts'

const name = 'DefaultPreemption'
const disruptionReason = 'PreemptionByScheduler'
/** Candidates looked at: a tenth of the nodes that could do, and at least so many. */
const candidatesMin = 100
const candidatesPercent = 10

/** A pod's victims; it is gated until the informer has seen each of them go, or on its way out. */
interface Preemption {
  readonly pod: PodInfo
  readonly victims: readonly PodInfo[]
  isEvicting: boolean
}

export function defaultPreemption(handle: Handle): Plugin {
  const preemptions = new Map<string, Preemption>()
  const isGoing = (victim: PodInfo) => handle.podNow(victim)?.metadata.deletionTimestamp !== undefined
  const isUnderWay = ({ isEvicting, victims }: Preemption) =>
    isEvicting || victims.some((victim) => handle.podNow(victim) !== undefined && !isGoing(victim))
  const start = (pod: PodInfo, candidate: Candidate) => {
    for (const [uid, { pod: other }] of preemptions) if (!handle.podNow(other)) preemptions.delete(uid)
    const preemption: Preemption = { pod, victims: candidate.victims, isEvicting: true }
    preemptions.set(pod.uid, preemption)
    handle.tasks.run(`preempt for ${pod.key}`, async (signal) => {
      const isDone = await evict(handle, { candidate, pod }, signal)
      preemption.isEvicting = false
      if (!isDone) preemptions.delete(pod.uid)
      handle.activate(pod.uid)
    })
  }
  return {
    name,
    hints: [{ resource: 'assignedPod', actions: ['delete'] }],
    preEnqueue({ uid }) {
      const preemption = preemptions.get(uid)
      if (preemption === undefined) return undefined
      if (isUnderWay(preemption)) {
        return unresolvable(name, 'waiting for the preemption for this pod to be finished')
      }
      preemptions.delete(uid)
      return undefined
    },
    postFilter(state, pod, diagnosis) {
      const obstacle = whyNotEligible(handle, pod, diagnosis)
      if (obstacle !== undefined) return { nominatedNodeName: undefined, message: `preemption: ${obstacle}` }
      const found = findCandidates(handle, { state, pod, diagnosis })
      const best = pickCandidate(found.candidates)
      if (best === undefined) return nothingFound(handle, found.rejections)
      start(pod, best)
      return { nominatedNodeName: best.nodeName, message: '' }
    },
  }
}

/** A pod whose victims are still on their way out waits for them rather than look for more. */
function whyNotEligible(handle: Handle, pod: PodInfo, diagnosis: Diagnosis): string | undefined {
  if (pod.pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const nominated = handle.nominator.nodeOf(pod.uid)
  if (nominated === undefined) return undefined
  if (diagnosis.rejections.get(nominated)?.code === 'unresolvable') return undefined
  const isGoing = (other: PodInfo) =>
    other.priority < pod.priority &&
    other.pod.metadata.deletionTimestamp !== undefined &&
    (other.pod.status?.conditions ?? []).some(
      ({ type, reason }) => type === 'DisruptionTarget' && reason === disruptionReason,
    )
  if (!handle.snapshot().get(nominated)?.pods.some(isGoing)) return undefined
  return 'not eligible due to a terminating pod on the nominated node.'
}

function findCandidates(
  handle: Handle,
  cycle: { readonly state: CycleState; readonly pod: PodInfo; readonly diagnosis: Diagnosis },
): { readonly candidates: readonly Candidate[]; readonly rejections: ReadonlyMap<string, Rejection> } {
  const { state, pod, diagnosis } = cycle
  const { nodes } = handle.snapshot()
  const couldHelp = ({ name: nodeName }: NodeInfo) =>
    (diagnosis.rejections.get(nodeName) ?? diagnosis.absentRejection)?.code === 'unschedulable'
  const potential = nodes.filter(couldHelp)
  const wanted = Math.max(Math.floor((potential.length * candidatesPercent) / 100), candidatesMin)
  const budgets = handle.listers.disruptionBudgets()
  const trial = { filters: handle.filters, state, pod, budgets }
  const candidates: Candidate[] = []
  const rejections = new Map<string, Rejection>()
  const offset = potential.length > 0 ? handle.random.int(potential.length) : 0
  for (let step = 0; step < potential.length && candidates.length < wanted; step += 1) {
    const node = potential[(offset + step) % potential.length]
    if (node === undefined) continue
    const result = selectVictims(trial, node)
    if ('victims' in result) candidates.push(result)
    else rejections.set(node.name, result)
  }
  return { candidates, rejections }
}

function nothingFound(handle: Handle, rejections: ReadonlyMap<string, Rejection>): PostFilterResult {
  const text = formatDiagnosis({
    nodesTotal: handle.snapshot().nodes.length,
    rejections,
    absentRejection: unresolvable(name, 'Preemption is not helpful for scheduling'),
    preFilterMessage: '',
  })
  return { nominatedNodeName: '', message: `preemption: ${text}` }
}

/** False when some victim could not be asked to go. */
async function evict(
  handle: Handle,
  preemption: { readonly candidate: Candidate; readonly pod: PodInfo },
  signal: AbortSignal,
): Promise<boolean> {
  const { candidate, pod } = preemption
  let isDone = true
  for (const other of handle.nominator.podsOn(candidate.nodeName)) {
    if (other.priority >= pod.priority || other.uid === pod.uid) continue
    // Its promise is void: it may look for another node.
    handle.nominator.remove(other.uid)
    await quietly(handle, 'clear the nomination of', other, () =>
      handle.api.patchStatus(other, { nominatedNodeName: '' }, signal),
    )
  }
  for (const victim of candidate.victims) {
    const isAsked = await quietly(handle, 'preempt', victim, async () => {
      await handle.api.patchStatus(victim, { condition: disruptionCondition(handle, pod) }, signal)
      await handle.api.remove(victim, signal)
      handle.api.event(victim, {
        type: 'Normal',
        reason: 'Preempted',
        message: `Preempted by pod ${pod.uid} on node ${candidate.nodeName}`,
      })
    })
    if (!isAsked) isDone = false
  }
  return isDone
}

/** A victim that is gone already is what was wanted. False: it failed, and the pod is to be tried again. */
async function quietly(
  handle: Handle,
  what: string,
  pod: PodInfo,
  act: () => Promise<void>,
): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (isNotFound(error)) return true
    handle.log.warn(`could not ${what} pod ${pod.key}`, { error: messageOf(error) })
    return false
  }
}

function disruptionCondition(handle: Handle, pod: PodInfo) {
  const schedulerName = pod.pod.spec?.schedulerName ?? 'default-scheduler'
  return {
    type: 'DisruptionTarget',
    status: 'True',
    reason: disruptionReason,
    message: `${schedulerName}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: formatTime(handle.clock.wallMs()),
  }
}
