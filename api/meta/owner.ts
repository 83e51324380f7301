/**
 * Owner references: who made an object, and which one of its owners controls it.
 *
 * Invariant: at most one reference has `controller: true` (validated in object-meta-validation.ts).
 * Source: k8s.io/apimachinery pkg/apis/meta/v1/controller_ref.go.
 */
import type { Resource } from '../kind.ts'
import type { ObjectMeta, OwnerReference } from '../types.ts'

/** Anything that has metadata. */
export interface HasMetadata {
  readonly metadata: ObjectMeta
}

/** The reference to the controlling owner, or undefined. */
export function controllerOf(object: HasMetadata): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true)
}

/** `group/version`, or just the version for core. */
export function apiVersionOf(resource: { readonly group: string; readonly version: string }): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
}

/** A controlling, deletion-blocking reference to `owner`, an object of `resource`. */
export function ownerReferenceFor<T>(owner: HasMetadata, resource: Resource<T>): OwnerReference {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name: owner.metadata.name ?? '',
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
}

/** True when `owner` controls `object`; by uid, so that a namesake does not count. */
export function isControlledBy(object: HasMetadata, owner: HasMetadata): boolean {
  const uid = owner.metadata.uid
  return uid !== undefined && controllerOf(object)?.uid === uid
}

/** Splits `apps/v1` into group and version; `v1` is core. */
export function parseApiVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/')
  if (slash < 0) return { group: '', version: apiVersion }
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) }
}
