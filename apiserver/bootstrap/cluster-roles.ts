/**
 * The default ClusterRoles, as data. Names and rules are those of kube-apiserver's bootstrap policy, cut to
 * the groups that are served here. `admin`, `edit` and `view` aggregate; their rules are what
 * the clusterrole-aggregation controller would compute from the parts below, so that they hold without it.
 * Source: k8s.io/kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go.
 */
import type { PolicyRule } from '../../api/types.ts'
import { systemNodeRules } from './node-rules.ts'
import { paths, rule } from './rules.ts'

export interface RoleData {
  readonly name: string
  readonly rules: readonly PolicyRule[]
  /** `rbac.authorization.k8s.io/aggregate-to-<target>`. */
  readonly aggregateTo?: 'admin' | 'edit' | 'view'
  /** This role gathers the parts labelled for this target. */
  readonly aggregates?: 'admin' | 'edit' | 'view'
}

const read = 'get list watch'
const write = 'create delete deletecollection patch update'
const full = `${read} ${write}`

const viewRules: readonly PolicyRule[] = [
  rule(
    read,
    'core',
    'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
  ),
  rule(
    read,
    'core',
    'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
  ),
  rule(read, 'core', 'namespaces'),
  rule(read, 'discovery', 'endpointslices'),
  rule(
    read,
    'apps',
    'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
  ),
  rule(read, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
  rule(read, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
  rule(read, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
  rule(read, 'networking', 'ingresses ingresses/status networkpolicies'),
]

const editRules: readonly PolicyRule[] = [
  rule(read, 'core', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
  rule('impersonate', 'core', 'serviceaccounts'),
  rule(write, 'core', 'pods pods/attach pods/exec pods/portforward pods/proxy'),
  rule('create', 'core', 'pods/eviction'),
  rule(
    write,
    'core',
    'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
  ),
  rule('create', 'core', 'serviceaccounts/token'),
  rule(
    write,
    'apps',
    'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale',
  ),
  rule(write, 'autoscaling', 'horizontalpodautoscalers'),
  rule(write, 'batch', 'cronjobs jobs'),
  rule(write, 'policy', 'poddisruptionbudgets'),
  rule(write, 'networking', 'ingresses networkpolicies'),
  rule(full, 'coordination', 'leases'),
]

const adminRules: readonly PolicyRule[] = [
  rule('create', 'authz', 'localsubjectaccessreviews'),
  rule(full, 'rbac', 'rolebindings roles'),
]

const ownLeases = (names: string): readonly PolicyRule[] => [
  rule('create', 'coordination', 'leases'),
  rule('get list update watch', 'coordination', 'leases', names),
]

const eventWriter: readonly PolicyRule[] = [rule('create patch update', 'core events', 'events')]

const schedulerRules: readonly PolicyRule[] = [
  ...eventWriter,
  ...ownLeases('kube-scheduler'),
  rule('list watch', 'coordination', 'leases'),
  rule(read, 'core', 'nodes'),
  rule('delete get list watch', 'core', 'pods'),
  rule('create', 'core', 'bindings pods/binding'),
  rule('patch update', 'core', 'pods/status'),
  rule(read, 'core', 'replicationcontrollers services namespaces'),
  rule(read, 'apps', 'replicasets statefulsets'),
  rule(read, 'policy', 'poddisruptionbudgets'),
  rule(`${read} update patch`, 'core', 'persistentvolumeclaims persistentvolumes'),
  rule('create', 'authn', 'tokenreviews'),
  rule('create', 'authz', 'subjectaccessreviews'),
  rule(read, 'storage', 'csinodes csidrivers csistoragecapacities storageclasses volumeattachments'),
  rule(read, 'scheduling', 'priorityclasses'),
  rule(
    `${read} patch update`,
    'resource',
    'deviceclasses resourceclaims resourceclaims/status resourceslices',
  ),
]

const controllerManagerRules: readonly PolicyRule[] = [
  ...eventWriter,
  ...ownLeases('kube-controller-manager'),
  rule('create', 'core', 'secrets serviceaccounts'),
  rule('delete', 'core', 'secrets'),
  rule('get', 'core', 'configmaps namespaces secrets serviceaccounts'),
  rule('update', 'core', 'secrets serviceaccounts'),
  rule('create', 'authn', 'tokenreviews'),
  rule('create', 'authz', 'subjectaccessreviews'),
  rule('list watch', '*', '*'),
  rule('create', 'core', 'serviceaccounts/token'),
]

const proxyRules: readonly PolicyRule[] = [
  rule('list watch', 'core', 'services endpoints'),
  rule('get list watch', 'core', 'nodes'),
  ...eventWriter,
  rule('list watch', 'discovery', 'endpointslices'),
  rule('list watch', 'networking', 'servicecidrs'),
]

const discoveryPaths =
  '/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/'

/** Every default ClusterRole but the controllers' own. */
export const clusterRoleData: readonly RoleData[] = [
  { name: 'cluster-admin', rules: [rule('*', '*', '*'), paths('*', '*')] },
  { name: 'admin', aggregates: 'admin', rules: [...adminRules, ...editRules, ...viewRules] },
  { name: 'edit', aggregates: 'edit', rules: [...editRules, ...viewRules] },
  { name: 'view', aggregates: 'view', rules: viewRules },
  { name: 'system:aggregate-to-admin', aggregateTo: 'admin', rules: adminRules },
  { name: 'system:aggregate-to-edit', aggregateTo: 'edit', rules: editRules },
  { name: 'system:aggregate-to-view', aggregateTo: 'view', rules: viewRules },
  { name: 'system:discovery', rules: [paths('get', discoveryPaths)] },
  {
    name: 'system:basic-user',
    rules: [
      rule('create', 'authz', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
      rule('create', 'authn', 'selfsubjectreviews'),
    ],
  },
  {
    name: 'system:public-info-viewer',
    rules: [paths('get', '/healthz /livez /readyz /version /version/')],
  },
  {
    name: 'system:monitoring',
    rules: [paths('get', '/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*')],
  },
  {
    name: 'system:service-account-issuer-discovery',
    rules: [
      paths(
        'get',
        '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
      ),
    ],
  },
  { name: 'system:node', rules: systemNodeRules },
  { name: 'system:node-proxier', rules: proxyRules },
  {
    name: 'system:node-bootstrapper',
    rules: [rule('create get list watch', 'certificates', 'certificatesigningrequests')],
  },
  {
    name: 'system:node-problem-detector',
    rules: [rule('get', 'core', 'nodes'), rule('patch', 'core', 'nodes/status'), ...eventWriter],
  },
  {
    name: 'system:kubelet-api-admin',
    rules: [
      rule('get list watch', 'core', 'nodes'),
      rule('proxy', 'core', 'nodes'),
      rule('*', 'core', 'nodes/log nodes/metrics nodes/proxy nodes/stats'),
    ],
  },
  {
    name: 'system:auth-delegator',
    rules: [rule('create', 'authn', 'tokenreviews'), rule('create', 'authz', 'subjectaccessreviews')],
  },
  {
    name: 'system:heapster',
    rules: [rule(read, 'core', 'events namespaces nodes pods'), rule(read, 'apps', 'deployments')],
  },
  { name: 'system:kube-aggregator', rules: [rule(read, 'core', 'endpoints services')] },
  {
    name: 'system:kube-dns',
    rules: [rule('list watch', 'core', 'endpoints services')],
  },
  {
    name: 'system:persistent-volume-provisioner',
    rules: [
      rule('create delete get list watch', 'core', 'persistentvolumes'),
      rule('get list update watch', 'core', 'persistentvolumeclaims'),
      rule(read, 'storage', 'storageclasses'),
      rule('watch', 'core', 'events'),
      ...eventWriter,
    ],
  },
  { name: 'system:kube-scheduler', rules: schedulerRules },
  {
    name: 'system:volume-scheduler',
    rules: [
      rule('get list patch update watch', 'core', 'persistentvolumes'),
      rule(read, 'storage', 'storageclasses'),
      rule('get list patch update watch', 'core', 'persistentvolumeclaims'),
    ],
  },
  { name: 'system:kube-controller-manager', rules: controllerManagerRules },
  ...['client', 'client-kubelet'].map((signer) => ({
    name: `system:certificates.k8s.io:kube-apiserver-${signer}-approver`,
    rules: [rule('approve', 'certificates', 'signers', `kubernetes.io/kube-apiserver-${signer}`)],
  })),
  {
    name: 'system:certificates.k8s.io:kubelet-serving-approver',
    rules: [rule('approve', 'certificates', 'signers', 'kubernetes.io/kubelet-serving')],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    rules: [rule('create', 'certificates', 'certificatesigningrequests/nodeclient')],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    rules: [rule('create', 'certificates', 'certificatesigningrequests/selfnodeclient')],
  },
]
