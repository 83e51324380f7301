/**
 * The picture on which a Deployment's plan is drawn: its ReplicaSets, which of them is the new one, and the
 * actions decided so far. Planning changes the picture as it goes (a scale is visible to the next rule), so
 * every rule reads as upstream's does, yet nothing is done before the whole plan is known.
 */
import { podTemplateHashLabel } from '../../api/meta/labels.ts'
import { resolveIntOrPercent } from '../../api/meta/int-or-string.ts'
import { deepEqual } from '../../api/meta/json.ts'
import { parseTime } from '../../api/meta/time.ts'
import type {
  Deployment,
  DeploymentStatus,
  ObjectMeta,
  PodTemplateSpec,
  ReplicaSet,
} from '../../api/types.ts'
import { compareTexts } from '../framework/claim.ts'

export const revisionAnnotation = 'deployment.kubernetes.io/revision'
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history'
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas'
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas'

/** What the plan wants done, in order. */
export type DeploymentAction =
  | { readonly type: 'create-replica-set'; readonly replicaSet: ReplicaSet }
  | {
      readonly type: 'update-replica-set'
      readonly replicaSet: ReplicaSet
      /** Present when the size changes: what the event tells. */
      readonly scaled?: { readonly from: number; readonly to: number } | undefined
    }
  | { readonly type: 'delete-replica-set'; readonly replicaSet: ReplicaSet }
  | { readonly type: 'annotate'; readonly annotations: Readonly<Record<string, string>> }

export interface DeploymentPlan {
  readonly actions: readonly DeploymentAction[]
  /** The status to be written when it differs. */
  readonly status: DeploymentStatus
  /** Look again this much later: the progress deadline. */
  readonly requeueAfterMs?: number | undefined
}

export interface ObservedDeployment {
  readonly deployment: Deployment
  /** The ReplicaSets that it controls, in any order. */
  readonly replicaSets: readonly ReplicaSet[]
  /** Whether any pod of a set lives that is neither Failed nor Succeeded; by the set's uid. */
  readonly hasRunningPods: (uid: string) => boolean
  readonly nowMs: number
}

export interface Draft {
  readonly deployment: Deployment
  /** Sets with another template, oldest first. */
  old: ReplicaSet[]
  /** The set with the Deployment's template. */
  current: ReplicaSet | undefined
  readonly actions: DeploymentAction[]
  /** The deployment's conditions as the plan changes them. */
  status: DeploymentStatus
  readonly observed: ObservedDeployment
}

export function draftOf(observed: ObservedDeployment): Draft {
  const { deployment } = observed
  const sets = [...observed.replicaSets].sort(byAge)
  const current = sets.find((set) => isSameTemplate(set.spec?.template, deployment.spec?.template))
  return {
    deployment,
    old: sets.filter((set) => set !== current),
    current,
    actions: [],
    status: deployment.status ?? {},
    observed,
  }
}

/** Oldest first, then by name. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const difference =
    (parseTime(a.metadata.creationTimestamp) ?? 0) - (parseTime(b.metadata.creationTimestamp) ?? 0)
  return difference || compareTexts(a.metadata.name, b.metadata.name)
}

/** All sets of the picture, oldest first, the new one last. */
export function allSets(draft: Draft): readonly ReplicaSet[] {
  return draft.current ? [...draft.old, draft.current] : draft.old
}

export function sizeOf(set: ReplicaSet | undefined): number {
  return set ? (set.spec?.replicas ?? 1) : 0
}

export function availableOf(set: ReplicaSet | undefined): number {
  return set?.status?.availableReplicas ?? 0
}

export function sum(sets: readonly ReplicaSet[], value: (set: ReplicaSet) => number): number {
  return sets.reduce((total, set) => total + value(set), 0)
}

export function desiredReplicas(deployment: Deployment): number {
  return deployment.spec?.replicas ?? 1
}

export function isRollingUpdate(deployment: Deployment): boolean {
  return (deployment.spec?.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate'
}

/** How many pods above and below the desired number a rollout may go. */
export interface Fenceposts {
  readonly maxSurge: number
  readonly maxUnavailable: number
}

/** Surge rounds up, unavailable down; were both 0 nothing could move, so one may be unavailable. */
export function fenceposts(deployment: Deployment): Fenceposts {
  if (!isRollingUpdate(deployment)) return { maxSurge: 0, maxUnavailable: 0 }
  const replicas = desiredReplicas(deployment)
  const { maxSurge: surge = '25%', maxUnavailable: unavailable = '25%' } =
    deployment.spec?.strategy?.rollingUpdate ?? {}
  const maxSurge = resolveIntOrPercent(surge, replicas, true)
  const resolved = resolveIntOrPercent(unavailable, replicas, false)
  const maxUnavailable = maxSurge === 0 && resolved === 0 ? 1 : resolved
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) }
}

/** Equal but for the hash label, which only the ReplicaSet's template carries. */
export function isSameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return deepEqual(withoutHash(a), withoutHash(b))
}

function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec {
  const labels = { ...template?.metadata?.labels }
  delete labels[podTemplateHashLabel]
  const metadata: ObjectMeta = { ...template?.metadata, labels }
  return { ...template, metadata: dropEmpty(metadata) }
}

/** Absent, empty and null metadata fields are the same template. */
function dropEmpty(metadata: ObjectMeta): ObjectMeta {
  const { creationTimestamp: _, ...rest } = metadata
  return {
    ...rest,
    labels: isEmpty(rest.labels) ? undefined : rest.labels,
    annotations: isEmpty(rest.annotations) ? undefined : rest.annotations,
  }
}

function isEmpty(map: Readonly<Record<string, string>> | undefined): boolean {
  return map === undefined || map === null || Object.keys(map).length === 0
}

/** The annotations that later tell whether, and from what, the Deployment was scaled. */
export function replicaAnnotations(deployment: Deployment): Record<string, string> {
  const replicas = desiredReplicas(deployment)
  return {
    [desiredReplicasAnnotation]: String(replicas),
    [maxReplicasAnnotation]: String(replicas + fenceposts(deployment).maxSurge),
  }
}

/** A number that an annotation holds; undefined where there is none. */
export function annotatedNumber(set: ReplicaSet, annotation: string): number | undefined {
  const text = set.metadata.annotations?.[annotation]
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined
}

/** Replaces a set in the picture. */
export function replaceSet(draft: Draft, previous: ReplicaSet, next: ReplicaSet): void {
  if (draft.current === previous) draft.current = next
  else draft.old = draft.old.map((set) => (set === previous ? next : set))
}

/**
 * Wants `set` at `replicas`, with annotations to match. True when its size changes. Two changes of one set
 * in one plan become one action.
 */
export function scale(draft: Draft, set: ReplicaSet, replicas: number): boolean {
  const annotations = replicaAnnotations(draft.deployment)
  const isSized = sizeOf(set) === replicas
  const isAnnotated = Object.entries(annotations).every(
    ([key, value]) => set.metadata.annotations?.[key] === value,
  )
  if (isSized && isAnnotated) return false
  const next: ReplicaSet = {
    ...set,
    metadata: { ...set.metadata, annotations: { ...set.metadata.annotations, ...annotations } },
    spec: { ...set.spec, selector: set.spec?.selector ?? {}, replicas },
  }
  replaceSet(draft, set, next)
  const scaled = { from: sizeOf(set), to: replicas }
  const pending = draft.actions.findIndex((action) => 'replicaSet' in action && action.replicaSet === set)
  const earlier = draft.actions[pending]
  if (earlier?.type === 'update-replica-set') {
    const from = earlier.scaled?.from ?? scaled.from
    draft.actions[pending] = {
      ...earlier,
      replicaSet: next,
      scaled: isSized ? earlier.scaled : { from, to: replicas },
    }
  } else {
    draft.actions.push({ type: 'update-replica-set', replicaSet: next, scaled: isSized ? undefined : scaled })
  }
  return !isSized
}
