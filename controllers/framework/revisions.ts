/**
 * The history of a pod template: ControllerRevisions of DaemonSets and StatefulSets. A revision holds the
 * template as a strategic patch, is named by the template's hash, and is reused when a template comes back.
 * Source: Kubernetes pkg/controller/history/controller_history.go.
 */
import { controllerRevisions } from '../../api/apps/controller-revision.ts'
import type { Resource } from '../../api/kind.ts'
import { hashOf } from '../../api/meta/hash.ts'
import { deepEqual } from '../../api/meta/json.ts'
import { apiVersionOf, ownerReferenceFor } from '../../api/meta/owner.ts'
import { isAlreadyExists } from '../../api/meta/status.ts'
import type { ControllerRevision, PodTemplateSpec } from '../../api/types.ts'
import type { ApiClient, ApiObject } from '../../client/index.ts'
import { compareTexts } from './claim.ts'
import { ignoreNotFound } from './errors.ts'

/** The label by which a pod says which revision it was made from. */
export const revisionHashLabel = 'controller-revision-hash'

export interface HistoryOptions<O extends ApiObject> {
  readonly owner: O
  readonly resource: Resource<O>
  readonly template: PodTemplateSpec | undefined
  readonly collisionCount: number | undefined
  /** The revisions that the owner controls. */
  readonly revisions: readonly ControllerRevision[]
}

/** The revision of the owner's template. */
export type HistoryPlan =
  | { readonly type: 'keep'; readonly revision: ControllerRevision }
  /** It is there, under a number that is not the highest: it came back. */
  | { readonly type: 'renumber'; readonly revision: ControllerRevision }
  | { readonly type: 'create'; readonly revision: ControllerRevision }

/** Finds, renumbers or makes the revision of the present template. Pure. */
export function planHistory<O extends ApiObject>(options: HistoryOptions<O>): HistoryPlan {
  const sorted = sortRevisions(options.revisions)
  const wanted = newRevision(options, (sorted.at(-1)?.revision ?? 0) + 1)
  const equal = sorted.findLast(({ data }) => deepEqual(data, wanted.data))
  if (!equal) return { type: 'create', revision: wanted }
  if (equal === sorted.at(-1)) return { type: 'keep', revision: equal }
  return { type: 'renumber', revision: { ...equal, revision: wanted.revision } }
}

/** Oldest first. */
export function sortRevisions(revisions: readonly ControllerRevision[]): readonly ControllerRevision[] {
  return [...revisions].sort(
    (a, b) => a.revision - b.revision || compareTexts(a.metadata.name, b.metadata.name),
  )
}

/** The hash under which pods of this revision are labelled. */
export function hashOfRevision(revision: ControllerRevision): string {
  return revision.metadata.labels?.[revisionHashLabel] ?? ''
}

function newRevision<O extends ApiObject>(options: HistoryOptions<O>, revision: number): ControllerRevision {
  const { owner, resource, template, collisionCount } = options
  const data = { spec: { template: { ...template, $patch: 'replace' } } }
  const hash = hashOf(data, collisionCount)
  return {
    apiVersion: apiVersionOf(controllerRevisions),
    kind: controllerRevisions.kind,
    metadata: {
      name: `${(owner.metadata.name ?? '').slice(0, 223)}-${hash}`,
      namespace: owner.metadata.namespace,
      labels: { ...template?.metadata?.labels, [revisionHashLabel]: hash },
      ownerReferences: [ownerReferenceFor(owner, resource)],
    },
    data,
    revision,
  }
}

/**
 * Carries a plan out. Undefined: the name is taken by something else, count the collision up.
 * @throws ApiError, NetworkError
 */
export async function syncHistory(
  client: ApiClient,
  plan: HistoryPlan,
  signal: AbortSignal,
): Promise<ControllerRevision | undefined> {
  const resource = client.resource(controllerRevisions, plan.revision.metadata.namespace)
  if (plan.type === 'keep') return plan.revision
  if (plan.type === 'renumber') return resource.update(plan.revision, { signal })
  try {
    return await resource.create(plan.revision, { signal })
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    const found = await resource.get(plan.revision.metadata.name ?? '', { signal })
    return deepEqual(found.data, plan.revision.data) ? found : undefined
  }
}

/** Deletes the oldest revisions beyond `limit` that no pod carries and that are not current. */
export async function cleanHistory(
  client: ApiClient,
  options: {
    readonly revisions: readonly ControllerRevision[]
    readonly limit: number
    readonly isLive: (hash: string) => boolean
    readonly signal: AbortSignal
  },
): Promise<void> {
  const idle = sortRevisions(options.revisions).filter(
    (revision) => !options.isLive(hashOfRevision(revision)),
  )
  for (const { metadata } of idle.slice(0, Math.max(idle.length - options.limit, 0))) {
    const preconditions = { uid: metadata.uid }
    const resource = client.resource(controllerRevisions, metadata.namespace)
    await ignoreNotFound(resource.delete(metadata.name ?? '', { preconditions, signal: options.signal }))
  }
}
