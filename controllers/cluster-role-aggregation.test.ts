import t from 'tap'
import type { ClusterRole } from '../api/types.ts'
import { aggregatedRules } from './cluster-role-aggregation.ts'

function role(name: string, labels: Record<string, string>, resources: readonly string[]): ClusterRole {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name, labels },
    rules: resources.map((resource) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] })),
  }
}

t.test('an aggregated role holds the rules of all that it selects, each once, whatever their order', (t) => {
  const labels = { 'aggregate-to-admin': 'true' }
  const admin: ClusterRole = {
    ...role('admin', labels, []),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] },
  }
  const all = [
    role('b', labels, ['pods', 'secrets']),
    admin,
    role('a', labels, ['pods']),
    role('c', {}, ['nodes']),
  ]
  const rules = aggregatedRules(admin, all)
  t.same(
    rules.map(({ resources }) => resources?.[0]),
    ['pods', 'secrets'],
  )
  t.same(aggregatedRules(admin, [...all].reverse()), rules)
  t.end()
})
