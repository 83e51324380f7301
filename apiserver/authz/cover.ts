/**
 * Does one set of rules cover another? A rule is broken down into single permissions (verb, group,
 * resource, name, or verb and path), each of which one held rule must allow whole.
 * Source: k8s.io/component-helpers auth/rbac/validation/policy_comparator.go. Pure.
 */
import type { PolicyRule } from '../../api/types.ts'

/** The single permissions in `wanted` that `held` does not cover, as rules. */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  return wanted.flatMap(breakDown).filter((single) => !held.some((rule) => covers(rule, single)))
}

function breakDown(rule: PolicyRule): readonly PolicyRule[] {
  const paths = (rule.nonResourceURLs ?? []).flatMap((url) =>
    rule.verbs.map((verb): PolicyRule => ({ verbs: [verb], nonResourceURLs: [url] })),
  )
  const names: readonly (string | undefined)[] =
    (rule.resourceNames ?? []).length === 0 ? [undefined] : (rule.resourceNames ?? [])
  const resources = (rule.apiGroups ?? []).flatMap((group) =>
    (rule.resources ?? []).flatMap((resource) =>
      rule.verbs.flatMap((verb) =>
        names.map(
          (name): PolicyRule => ({
            verbs: [verb],
            apiGroups: [group],
            resources: [resource],
            ...(name === undefined ? {} : { resourceNames: [name] }),
          }),
        ),
      ),
    ),
  )
  return [...paths, ...resources]
}

function covers(held: PolicyRule, single: PolicyRule): boolean {
  if (!hasAllOf(held.verbs, single.verbs)) return false
  const paths = single.nonResourceURLs ?? []
  if (paths.length > 0)
    return paths.every((path) => (held.nonResourceURLs ?? []).some((own) => coversPath(own, path)))
  const names = held.resourceNames ?? []
  return (
    hasAllOf(held.apiGroups ?? [], single.apiGroups ?? []) &&
    (single.resources ?? []).every((resource) => coversResource(held.resources ?? [], resource)) &&
    (names.length === 0 ||
      ((single.resourceNames ?? []).length > 0 && hasAllOf(names, single.resourceNames ?? [])))
  )
}

function hasAllOf(held: readonly string[], wanted: readonly string[]): boolean {
  return held.includes('*') || wanted.every((item) => held.includes(item))
}

function coversResource(held: readonly string[], resource: string): boolean {
  if (held.includes('*') || held.includes(resource)) return true
  const slash = resource.indexOf('/')
  return slash > 0 && held.includes(`*${resource.slice(slash)}`)
}

function coversPath(held: string, path: string): boolean {
  return held === '*' || held === path || (held.endsWith('*') && path.startsWith(held.slice(0, -1)))
}
