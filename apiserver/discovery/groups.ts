/**
 * Which groups, versions and resources are served, from the catalogue, in the shapes of discovery. The
 * order is upstream's: core first, then groups by priority, versions newest and most stable first.
 */
import { catalog } from '../../api/catalog.ts'
import { subresourcesOf } from '../../api/meta/kind-definition.ts'
import type { Kind } from '../../api/kind.ts'

export interface ServedVersion {
  readonly version: string
  readonly kinds: readonly Kind[]
}

export interface ServedGroup {
  readonly group: string
  /** Preferred first. */
  readonly versions: readonly ServedVersion[]
}

/** Upstream's priorities decide which group a short name belongs to first. */
const groupOrder: readonly string[] = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
]

/** Every served group with its versions and kinds. */
export function servedGroups(): readonly ServedGroup[] {
  const groups = new Map<string, Map<string, Kind[]>>()
  for (const kind of catalog) {
    const versions = groups.get(kind.group) ?? new Map<string, Kind[]>()
    groups.set(kind.group, versions)
    const kinds = versions.get(kind.version) ?? []
    versions.set(kind.version, kinds)
    kinds.push(kind)
  }
  return [...groups]
    .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map(([group, versions]) => ({
      group,
      versions: [...versions]
        .sort(([a], [b]) => compareVersions(a, b))
        .map(([version, kinds]) => ({ version, kinds })),
    }))
}

function rank(group: string): number {
  const at = groupOrder.indexOf(group)
  return at < 0 ? groupOrder.length : at
}

/** `v2` before `v1` before `v1beta1` before `v1alpha1`. */
function compareVersions(a: string, b: string): number {
  return versionWeight(b) - versionWeight(a)
}

function versionWeight(version: string): number {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version)
  if (!match) return -1
  const stability = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0
  return stability * 1_000_000 + Number(match[1]) * 1_000 + Number(match[3] ?? 0)
}

/** `apps/v1`, `v1`. */
export function groupVersionText(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`
}

/** An APIResourceList's entries: every kind and its subresources. */
export function legacyResources(kinds: readonly Kind[], hashOf: (kind: Kind) => string): readonly unknown[] {
  return kinds.flatMap((kind) => [
    {
      name: kind.resource,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs: sortedVerbs(kind.verbs),
      ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
      ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
      ...(kind.verbs.includes('get') ? { storageVersionHash: hashOf(kind) } : {}),
    },
    ...subresourcesOf(kind).map((subresource) => ({
      name: `${kind.resource}/${subresource.name}`,
      singularName: '',
      namespaced: kind.namespaced,
      ...(isForeign(kind, subresource) ? { group: subresource.group, version: subresource.version } : {}),
      kind: subresource.kind,
      verbs: sortedVerbs(subresource.verbs),
    })),
  ])
}

/** An APIVersionDiscovery's resources. */
export function aggregatedResources(kinds: readonly Kind[]): readonly unknown[] {
  return kinds.map((kind) => ({
    resource: kind.resource,
    responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: sortedVerbs(kind.verbs),
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    ...subresourceEntries(kind),
  }))
}

function subresourceEntries(kind: Kind): Readonly<Record<string, unknown>> {
  const all = subresourcesOf(kind)
  if (all.length === 0) return {}
  return {
    subresources: all.map((subresource) => ({
      subresource: subresource.name,
      responseKind: {
        group: subresource.group,
        version: subresource.version,
        kind: subresource.kind,
      },
      verbs: sortedVerbs(subresource.verbs),
    })),
  }
}

function isForeign(kind: Kind, other: { readonly group: string; readonly version: string }): boolean {
  return other.group !== kind.group || other.version !== kind.version
}

function sortedVerbs(verbs: readonly string[]): readonly string[] {
  return [...verbs].sort()
}
