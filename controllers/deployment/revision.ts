/**
 * Revisions: which ReplicaSet is the new one, what it is called, and the number that `kubectl rollout
 * history` and `undo` go by. Rolling back is nothing special: the template of an old set becomes the
 * Deployment's again, that set becomes the new one and gets the next number.
 * Source: Kubernetes pkg/controller/deployment/util/deployment_util.go, sync.go (getNewReplicaSet).
 */
import { replicaSets as replicaSetResource } from '../../api/apps/replica-set.ts'
import { deployments } from '../../api/apps/deployment.ts'
import { podTemplateHash } from '../../api/meta/hash.ts'
import { podTemplateHashLabel } from '../../api/meta/labels.ts'
import { apiVersionOf, ownerReferenceFor } from '../../api/meta/owner.ts'
import type { Deployment, ReplicaSet } from '../../api/types.ts'
import {
  annotatedNumber,
  type Draft,
  desiredReplicas,
  replaceSet,
  replicaAnnotations,
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
} from './draft.ts'
import { newSetSize } from './rolling.ts'
import { hasProgressDeadline, withCondition } from './status.ts'

/** The history annotation is kept below this (upstream: maxRevHistoryLengthInChars). */
const revisionHistoryCharactersMax = 2000

/** Annotations of the Deployment that its sets do not take over. */
const ownAnnotations: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deprecated.deployment.rollback.to',
])

export function revisionOf(set: ReplicaSet): number {
  return annotatedNumber(set, revisionAnnotation) ?? 0
}

/** The number that the new set must carry: one above all old ones. */
function nextRevision(old: readonly ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1
}

/** Brings annotations and minReadySeconds of the new set up to date. True when there was something to do. */
export function syncCurrentSet(draft: Draft): boolean {
  const { current, deployment } = draft
  if (!current) return false
  const annotations = currentAnnotations(deployment, current, nextRevision(draft.old))
  const minReadySeconds = deployment.spec?.minReadySeconds ?? 0
  const isReady = (current.spec?.minReadySeconds ?? 0) === minReadySeconds
  if (annotations === current.metadata.annotations && isReady) {
    noteFound(draft, current)
    return false
  }
  const next: ReplicaSet = {
    ...current,
    metadata: { ...current.metadata, annotations },
    spec: { ...current.spec, selector: current.spec?.selector ?? {}, minReadySeconds },
  }
  replaceSet(draft, current, next)
  draft.actions.push({ type: 'update-replica-set', replicaSet: next })
  return true
}

/** Plans the new set of a Deployment that has none. */
export function createCurrentSet(draft: Draft): void {
  const { deployment } = draft
  const empty = newReplicaSet(draft, 0)
  const size = newSetSize({ ...draft, current: empty })
  const replicaSet = newReplicaSet(draft, size)
  draft.current = replicaSet
  draft.actions.push({ type: 'create-replica-set', replicaSet })
  annotateRevision(draft, replicaSet)
  if (!hasProgressDeadline(deployment)) return
  draft.status = withCondition(draft.status, {
    type: 'Progressing',
    status: 'True',
    reason: 'NewReplicaSetCreated',
    message: `Created new replica set "${replicaSet.metadata.name}"`,
    nowMs: draft.observed.nowMs,
  })
}

/** The set that `deployment`'s template asks for, named by the template's hash. Pure. */
function newReplicaSet(draft: Draft, replicas: number): ReplicaSet {
  const { deployment, old } = draft
  const { template, selector, minReadySeconds } = deployment.spec ?? {}
  const hash = podTemplateHash(template, deployment.status?.collisionCount)
  const labels = { ...template?.metadata?.labels, [podTemplateHashLabel]: hash }
  return {
    apiVersion: apiVersionOf(replicaSetResource),
    kind: replicaSetResource.kind,
    metadata: {
      name: `${deployment.metadata.name ?? ''}-${hash}`,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: {
        ...inheritedAnnotations(deployment),
        ...replicaAnnotations(deployment),
        [revisionAnnotation]: String(nextRevision(old)),
      },
      ownerReferences: [ownerReferenceFor(deployment, deployments)],
    },
    spec: {
      replicas,
      minReadySeconds,
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [podTemplateHashLabel]: hash } },
      template: { ...template, metadata: { ...template?.metadata, labels } },
    },
  }
}

function inheritedAnnotations(deployment: Deployment): Record<string, string> {
  const all = Object.entries(deployment.metadata.annotations ?? {})
  return Object.fromEntries(all.filter(([key]) => !ownAnnotations.has(key)))
}

/** The same map when nothing changes. */
function currentAnnotations(
  deployment: Deployment,
  current: ReplicaSet,
  revision: number,
): Readonly<Record<string, string>> | undefined {
  const known = current.metadata.annotations ?? {}
  const next: Record<string, string> = { ...known, ...inheritedAnnotations(deployment) }
  const oldRevision = known[revisionAnnotation]
  if (revisionOf(current) < revision) {
    next[revisionAnnotation] = String(revision)
    if (oldRevision !== undefined) {
      next[revisionHistoryAnnotation] = appendHistory(known[revisionHistoryAnnotation], oldRevision)
    }
  }
  const isSame = Object.entries(next).every(([key, value]) => known[key] === value)
  return isSame ? current.metadata.annotations : next
}

function appendHistory(history: string | undefined, revision: string): string {
  if (!history) return revision
  const revisions = [...history.split(','), revision]
  while (revisions.length > 1 && revisions.join(',').length > revisionHistoryCharactersMax) revisions.shift()
  return revisions.join(',')
}

function annotateRevision(draft: Draft, current: ReplicaSet): void {
  const revision = current.metadata.annotations?.[revisionAnnotation]
  if (revision === undefined || draft.deployment.metadata.annotations?.[revisionAnnotation] === revision)
    return
  draft.actions.push({ type: 'annotate', annotations: { [revisionAnnotation]: revision } })
}

/** A set that was there already (after a rollback, or made by a predecessor) is news to the Deployment. */
function noteFound(draft: Draft, current: ReplicaSet): void {
  annotateRevision(draft, current)
  const { conditions } = draft.status
  if (!hasProgressDeadline(draft.deployment) || conditions?.some(({ type }) => type === 'Progressing')) return
  draft.status = withCondition(draft.status, {
    type: 'Progressing',
    status: 'True',
    reason: 'FoundNewReplicaSet',
    message: `Found new replica set "${current.metadata.name}"`,
    nowMs: draft.observed.nowMs,
  })
}

/** Old sets beyond `revisionHistoryLimit`, by revision; only empty ones that their controller has seen. */
export function planCleanup(draft: Draft): void {
  const limit = draft.deployment.spec?.revisionHistoryLimit
  if (limit === undefined || limit === 2147483647) return
  const alive = draft.old.filter((set) => set.metadata.deletionTimestamp === undefined)
  const byRevision = [...alive].sort((a, b) => revisionOf(a) - revisionOf(b))
  for (const replicaSet of byRevision.slice(0, Math.max(alive.length - limit, 0))) {
    const { status, spec, metadata } = replicaSet
    const isBusy = (status?.replicas ?? 0) !== 0 || (spec?.replicas ?? 1) !== 0
    if (isBusy || (metadata.generation ?? 0) > (status?.observedGeneration ?? 0)) continue
    draft.actions.push({ type: 'delete-replica-set', replicaSet })
  }
}

/** Whether the sizes on record are those of another `spec.replicas`: the Deployment was scaled. */
export function isScalingEvent(draft: Draft): boolean {
  const sets = draft.current ? [...draft.old, draft.current] : draft.old
  return sets.some((set) => {
    const desired = annotatedNumber(set, desiredReplicasAnnotation)
    const isActive = (set.spec?.replicas ?? 1) > 0
    return isActive && desired !== undefined && desired !== desiredReplicas(draft.deployment)
  })
}
