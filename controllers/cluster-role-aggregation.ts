/**
 * ClusterRole aggregation: a role with an aggregation rule holds the rules of all roles that it selects.
 * Source: Kubernetes pkg/controller/clusterroleaggregation.
 */
import { canonicalJson, deepEqual } from '../api/meta/json.ts'
import { labelSelectorFrom, matchesLabels } from '../api/meta/selector.ts'
import { clusterRoles } from '../api/rbac/cluster-role.ts'
import type { ClusterRole, PolicyRule } from '../api/types.ts'
import { keyOf } from '../client/index.ts'
import { byName } from './framework/claim.ts'
import type { Controller, ControllerContext } from './framework/controller.ts'
import { ignoreNotFound } from './framework/errors.ts'

/** The rules that `role` must hold: those it selects, by role name, each once. Pure. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): readonly PolicyRule[] {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(labelSelectorFrom)
  const rules = new Map<string, PolicyRule>()
  for (const other of [...all].sort(byName)) {
    if (other.metadata.name === role.metadata.name) continue
    if (!selectors.some((selector) => matchesLabels(selector, other.metadata.labels))) continue
    for (const rule of other.rules ?? []) rules.set(canonicalJson(rule), rule)
  }
  return [...rules.values()]
}

/** The controller. */
export const clusterRoleAggregationController: Controller = {
  name: 'clusterrole-aggregation-controller',
  start: (context) => {
    const all = context.informer(clusterRoles)
    const queue = context.reconciler('clusterrole-aggregation', {
      reconcile: (name, signal) => reconcile(context, name, signal),
    })
    const look = () => {
      for (const role of all.list()) if (role.aggregationRule) queue.add(keyOf(role))
    }
    all.onChange({ add: look, update: look, delete: look })
  },
}

async function reconcile(context: ControllerContext, name: string, signal: AbortSignal): Promise<void> {
  const all = context.informer(clusterRoles)
  const role = all.get(undefined, name)
  if (!role?.aggregationRule) return
  const rules = aggregatedRules(role, all.list())
  if (deepEqual(rules, role.rules ?? [])) return
  await ignoreNotFound(context.client.resource(clusterRoles).update({ ...role, rules }, { signal }))
}
