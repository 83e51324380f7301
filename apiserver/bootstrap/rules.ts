/** Short ways to write RBAC rules as data. */
import type { PolicyRule } from '../../api/types.ts'

/** Groups by short names, as the tables write them. */
export const groups = {
  core: '',
  admission: 'admissionregistration.k8s.io',
  apiextensions: 'apiextensions.k8s.io',
  apiregistration: 'apiregistration.k8s.io',
  apps: 'apps',
  authn: 'authentication.k8s.io',
  authz: 'authorization.k8s.io',
  autoscaling: 'autoscaling',
  batch: 'batch',
  certificates: 'certificates.k8s.io',
  coordination: 'coordination.k8s.io',
  discovery: 'discovery.k8s.io',
  events: 'events.k8s.io',
  metrics: 'metrics.k8s.io',
  networking: 'networking.k8s.io',
  node: 'node.k8s.io',
  policy: 'policy',
  rbac: 'rbac.authorization.k8s.io',
  resource: 'resource.k8s.io',
  scheduling: 'scheduling.k8s.io',
  storage: 'storage.k8s.io',
} as const

/** `rule('get list', 'core', 'pods services')`: verbs, groups and resources separated by blanks. */
export function rule(verbs: string, apiGroups: string, resources: string, names?: string): PolicyRule {
  return {
    verbs: words(verbs),
    apiGroups: words(apiGroups).map((name) => (Object.hasOwn(groups, name) ? groupNamed(name) : name)),
    resources: words(resources),
    ...(names === undefined ? {} : { resourceNames: words(names) }),
  }
}

/** A rule about paths that are no resources. */
export function paths(verbs: string, urls: string): PolicyRule {
  return { verbs: words(verbs), nonResourceURLs: words(urls) }
}

function groupNamed(name: string): string {
  return new Map<string, string>(Object.entries(groups)).get(name) ?? name
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}
