/** The default RBAC objects, made from the tables. */
import type { KubeObject } from '../../api/kind.ts'
import type { PolicyRule } from '../../api/types.ts'
import { asObject } from '../storage/parse.ts'
import { clusterRoleData, type RoleData } from './cluster-roles.ts'
import { controllerRules } from './controller-roles.ts'
import { rule } from './rules.ts'

const apiVersion = 'rbac.authorization.k8s.io/v1'
const apiGroup = 'rbac.authorization.k8s.io'
const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' }
const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' }

interface Subject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount'
  readonly name: string
}

const group = (name: string): Subject => ({ kind: 'Group', name })
const user = (name: string): Subject => ({ kind: 'User', name })

/** ClusterRoleBinding → role and subjects. */
const bindingData: readonly (readonly [string, readonly Subject[]])[] = [
  ['cluster-admin', [group('system:masters')]],
  ['system:monitoring', [group('system:monitoring')]],
  ['system:discovery', [group('system:authenticated')]],
  ['system:basic-user', [group('system:authenticated')]],
  ['system:public-info-viewer', [group('system:authenticated'), group('system:unauthenticated')]],
  ['system:node-proxier', [user('system:kube-proxy')]],
  ['system:kube-controller-manager', [user('system:kube-controller-manager')]],
  ['system:kube-scheduler', [user('system:kube-scheduler')]],
  ['system:volume-scheduler', [user('system:kube-scheduler')]],
  ['system:service-account-issuer-discovery', [group('system:serviceaccounts')]],
  ['system:node', []],
]

interface NamespaceRole {
  readonly namespace: string
  readonly name: string
  readonly rules: readonly PolicyRule[]
  readonly subjects: readonly Subject[]
}

const namespaceRoles: readonly NamespaceRole[] = [
  {
    namespace: 'kube-system',
    name: 'extension-apiserver-authentication-reader',
    rules: [rule('get list watch', 'core', 'configmaps', 'extension-apiserver-authentication')],
    subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler')],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-controller-manager',
    rules: [
      rule('watch', 'core', 'configmaps'),
      rule('get update', 'core', 'configmaps', 'kube-controller-manager'),
    ],
    subjects: [user('system:kube-controller-manager')],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-scheduler',
    rules: [rule('watch', 'core', 'configmaps'), rule('get update', 'core', 'configmaps', 'kube-scheduler')],
    subjects: [user('system:kube-scheduler')],
  },
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    rules: [
      rule('get list watch', 'core', 'configmaps'),
      rule('update', 'core', 'configmaps', 'cluster-info'),
      rule('create patch update', 'core', 'events'),
    ],
    subjects: [],
  },
]

/** Every default ClusterRole. */
export function clusterRoleObjects(): readonly KubeObject[] {
  const controllers = Object.entries(controllerRules).map(([name, rules]) =>
    clusterRole({ name: `system:controller:${name}`, rules }),
  )
  return [...clusterRoleData.map(clusterRole), ...controllers]
}

/** Every default ClusterRoleBinding. */
export function clusterRoleBindingObjects(): readonly KubeObject[] {
  const controllers = Object.keys(controllerRules).map((name) =>
    asObject({
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name: `system:controller:${name}`, labels, annotations },
      roleRef: { apiGroup, kind: 'ClusterRole', name: `system:controller:${name}` },
      // The manager runs its controllers under its own certificate; the ServiceAccounts are for those who
      // run one of them apart, as upstream's --use-service-account-credentials does.
      subjects: [
        { kind: 'ServiceAccount', name, namespace: 'kube-system' },
        { kind: 'User', apiGroup, name: 'system:kube-controller-manager' },
      ],
    }),
  )
  const own = bindingData.map(([name, subjects]) =>
    asObject({
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name, labels, annotations },
      roleRef: { apiGroup, kind: 'ClusterRole', name },
      ...subjectFields(subjects),
    }),
  )
  return [...own, ...controllers]
}

/** Every default Role. */
export function roleObjects(): readonly KubeObject[] {
  return namespaceRoles.map(({ namespace, name, rules }) =>
    asObject({
      apiVersion,
      kind: 'Role',
      metadata: { name, namespace, labels, annotations },
      rules,
    }),
  )
}

/** Every default RoleBinding. */
export function roleBindingObjects(): readonly KubeObject[] {
  return namespaceRoles
    .filter(({ subjects }) => subjects.length > 0)
    .map(({ namespace, name, subjects }) =>
      asObject({
        apiVersion,
        kind: 'RoleBinding',
        metadata: { name, namespace, labels, annotations },
        roleRef: { apiGroup, kind: 'Role', name },
        ...subjectFields(subjects),
      }),
    )
}

function subjectFields(subjects: readonly Subject[]) {
  return subjects.length === 0 ? {} : { subjects: subjects.map((subject) => ({ ...subject, apiGroup })) }
}

function clusterRole(data: RoleData): KubeObject {
  const aggregation = data.aggregateTo
    ? { [`rbac.authorization.k8s.io/aggregate-to-${data.aggregateTo}`]: 'true' }
    : {}
  const own = data.aggregates
    ? { [`rbac.authorization.k8s.io/aggregate-to-${wider(data.aggregates)}`]: 'true' }
    : {}
  return asObject({
    apiVersion,
    kind: 'ClusterRole',
    metadata: {
      name: data.name,
      labels: { ...labels, ...aggregation, ...(data.aggregates === 'admin' ? {} : own) },
      annotations,
    },
    rules: data.rules,
    ...(data.aggregates
      ? {
          aggregationRule: {
            clusterRoleSelectors: [
              {
                matchLabels: {
                  [`rbac.authorization.k8s.io/aggregate-to-${data.aggregates}`]: 'true',
                },
              },
            ],
          },
        }
      : {}),
  })
}

/** `view` is part of `edit`, `edit` of `admin`. */
function wider(role: 'admin' | 'edit' | 'view'): string {
  return role === 'view' ? 'edit' : 'admin'
}
