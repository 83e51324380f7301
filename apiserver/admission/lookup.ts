/** How plugins look at other objects: the watch cache first, the store where that says no. */
import type { Kind, KubeObject } from '../../api/kind.ts'
import type { CacherSet } from '../cacher/cacher-set.ts'
import { collectionPrefix, objectKey } from '../storage/keys.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'

const loadWaitMs = 5_000

export interface Lookup {
  readonly storage: ObjectStorage
  readonly cachers: CacherSet
}

type Place = Pick<Kind, 'storagePath' | 'namespaced'>

/** One object, perhaps a little old if it is there; surely absent if it is not. */
export async function findObject(
  lookup: Lookup,
  kind: Place,
  namespace: string,
  name: string,
): Promise<KubeObject | undefined> {
  const key = objectKey(kind, namespace, name)
  const cacher = lookup.cachers.for(kind)
  const cached = cacher.isReady ? cacher.get(key) : undefined
  const stored = cached ?? (await lookup.storage.get(key))
  return stored?.object()
}

/** All objects of a namespace (or of all), perhaps a little old. */
export async function listObjectsOf(
  lookup: Lookup,
  kind: Place,
  namespace: string | undefined,
): Promise<readonly KubeObject[]> {
  const cacher = lookup.cachers.for(kind)
  if (!cacher.isReady) await cacher.waitFor(0, loadWaitMs)
  return cacher.list(collectionPrefix(kind, namespace)).map((stored) => stored.object())
}
