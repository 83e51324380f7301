/**
 * Where objects lie in the store: upstream's keys, so that a real etcd written by kube-apiserver can be
 * read and the other way round. `/registry/<storagePath>/[<namespace>/]<name>`.
 * Source: k8s.io/apiserver registry/generic/registry (NamespaceKeyFunc, KeyRootFunc).
 */
import type { Kind, Resource } from '../../api/kind.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Names and paths as bytes. */
export function keyBytes(key: string): Uint8Array {
  return encoder.encode(key)
}

/** Bytes of a key as text. */
export function keyText(key: Uint8Array): string {
  return decoder.decode(key)
}

/** The prefix of every object of a kind: `/registry/pods/`. */
export function kindPrefix(kind: { readonly storagePath: string }): string {
  return `/registry/${kind.storagePath}/`
}

/** The prefix of a collection: one namespace's objects, or all when `namespace` is undefined. */
export function collectionPrefix(
  kind: Pick<Kind, 'storagePath' | 'namespaced'>,
  namespace: string | undefined,
): string {
  return kind.namespaced && namespace ? `${kindPrefix(kind)}${namespace}/` : kindPrefix(kind)
}

/** The key of one object. */
export function objectKey(
  kind: Pick<Kind, 'storagePath' | 'namespaced'>,
  namespace: string | undefined,
  name: string,
): string {
  return `${collectionPrefix(kind, namespace)}${name}`
}

/** `v1`, `apps/v1`. */
export function apiVersionOf(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
}
