/**
 * Whose is it? A controller owns what refers to it as controller and matches its selector; it adopts
 * matching orphans and releases what no longer matches.
 *
 * `planClaims` is pure. `claim` carries it out: adoption only after a live look has shown that the owner is
 * still there, is the same one (uid) and is not going away; each patch names the uid of what it changes.
 * Source: Kubernetes pkg/controller/controller_ref_manager.go.
 */
import type { Resource } from '../../api/kind.ts'
import { controllerOf, ownerReferenceFor } from '../../api/meta/owner.ts'
import { matchesLabels, type Selector } from '../../api/meta/selector.ts'
import { isInvalid, isNotFound } from '../../api/meta/status.ts'
import type { ApiClient, ApiObject, Informer } from '../../client/index.ts'

/** Index of objects by the uid of their controller. */
export const controllerIndex = 'controller-uid'
/** Index of objects without a controller, by namespace. */
export const orphanIndex = 'orphans-in-namespace'

/** Adds the two indexes that `candidatesFor` needs. */
export function addOwnerIndexes<T extends ApiObject>(informer: Informer<T>): void {
  informer.addIndex(controllerIndex, (object) => {
    const uid = controllerOf(object)?.uid
    return uid === undefined ? [] : [uid]
  })
  informer.addIndex(orphanIndex, (object) =>
    controllerOf(object) === undefined ? [object.metadata.namespace ?? ''] : [],
  )
}

/** What `owner` controls, and the orphans of its namespace. */
export function candidatesFor<T extends ApiObject>(informer: Informer<T>, owner: ApiObject): readonly T[] {
  return [
    ...informer.byIndex(controllerIndex, owner.metadata.uid ?? ''),
    ...informer.byIndex(orphanIndex, owner.metadata.namespace ?? ''),
  ]
}

export interface Claims<T> {
  readonly owned: readonly T[]
  readonly adopt: readonly T[]
  readonly release: readonly T[]
}

/** Sorts candidates into owned, to be adopted and to be released. */
export function planClaims<T extends ApiObject>(
  owner: ApiObject,
  selector: Selector,
  candidates: readonly T[],
): Claims<T> {
  const owned: T[] = []
  const adopt: T[] = []
  const release: T[] = []
  const isLeaving = owner.metadata.deletionTimestamp !== undefined
  for (const object of candidates) {
    const controller = controllerOf(object)
    const isMatch = matchesLabels(selector, object.metadata.labels)
    const isGoing = object.metadata.deletionTimestamp !== undefined
    if (controller !== undefined) {
      if (controller.uid !== owner.metadata.uid) continue
      if (isMatch) owned.push(object)
      else if (!isLeaving) release.push(object)
    } else if (isMatch && !isLeaving && !isGoing) {
      adopt.push(object)
    }
  }
  return { owned, adopt, release }
}

export interface ClaimOptions<O extends ApiObject, T extends ApiObject> {
  readonly client: ApiClient
  readonly owner: O
  readonly ownerResource: Resource<O>
  readonly resource: Resource<T>
  readonly selector: Selector
  readonly candidates: readonly T[]
  /** Further fields of the adoption patch's metadata (a Job's finalizer). */
  readonly adoptMetadata?: ((object: T) => Readonly<Record<string, unknown>>) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Adopts and releases; gives what is owned afterwards, sorted by name. @throws ApiError, NetworkError */
export async function claim<O extends ApiObject, T extends ApiObject>(
  options: ClaimOptions<O, T>,
): Promise<readonly T[]> {
  const { client, owner, resource, selector, candidates, signal } = options
  const claims = planClaims(owner, selector, candidates)
  const objects = client.resource(resource, owner.metadata.namespace)
  const owned = [...claims.owned]
  if (claims.adopt.length > 0 && (await canAdopt(options))) {
    for (const orphan of claims.adopt) {
      const adopted = await patchQuietly(() =>
        objects.patch(orphan.metadata.name ?? '', adoptPatch(options, orphan), { type: 'strategic', signal }),
      )
      if (adopted) owned.push(adopted)
    }
  }
  for (const object of claims.release) {
    const patch = {
      metadata: {
        uid: object.metadata.uid,
        ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }],
      },
    }
    await patchQuietly(() => objects.patch(object.metadata.name ?? '', patch, { type: 'strategic', signal }))
  }
  return owned.sort(byName)
}

/** Orders objects by name, then uid. */
export function byName(a: ApiObject, b: ApiObject): number {
  return compareTexts(a.metadata.name, b.metadata.name) || compareTexts(a.metadata.uid, b.metadata.uid)
}

/** Orders texts by code units; absent first. */
export function compareTexts(a: string | undefined, b: string | undefined): number {
  const left = a ?? ''
  const right = b ?? ''
  return left < right ? -1 : left > right ? 1 : 0
}

function adoptPatch<O extends ApiObject, T extends ApiObject>(
  options: ClaimOptions<O, T>,
  orphan: T,
): unknown {
  return {
    metadata: {
      uid: orphan.metadata.uid,
      ownerReferences: [ownerReferenceFor(options.owner, options.ownerResource)],
      ...options.adoptMetadata?.(orphan),
    },
  }
}

/** Looks at the live owner: the cached one may be gone, or be another of the same name. */
async function canAdopt<O extends ApiObject, T extends ApiObject>(
  options: ClaimOptions<O, T>,
): Promise<boolean> {
  const { client, owner, ownerResource, signal } = options
  try {
    const live = await client
      .resource(ownerResource, owner.metadata.namespace)
      .get(owner.metadata.name ?? '', { signal })
    return live.metadata.uid === owner.metadata.uid && live.metadata.deletionTimestamp === undefined
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}

/** The object may be gone (404) or be another one by now (422: the uid differs); neither is ours to mind. */
async function patchQuietly<T>(patch: () => Promise<T>): Promise<T | undefined> {
  try {
    return await patch()
  } catch (error) {
    if (isNotFound(error) || isInvalid(error)) return undefined
    throw error
  }
}
