import t from 'tap'
import type { KubeObject } from '../../api/kind.ts'
import type { PolicyRule } from '../../api/types.ts'
import type { User } from '../authn/user.ts'
import {
  clusterRoleBindingObjects,
  clusterRoleObjects,
  roleBindingObjects,
  roleObjects,
} from '../bootstrap/rbac-objects.ts'
import { asObject } from '../storage/parse.ts'
import { type AccessAttributes, forbiddenText } from './authorizer.ts'
import { refersTo } from './node.ts'
import { RbacAuthorizer, ruleAllows } from './rbac.ts'

function user(name: string, ...groups: string[]): User {
  return { name, uid: '', groups: [...groups, 'system:authenticated'], extra: {} }
}

/** `get apps/deployments/scale in ns named x`, as attributes. */
function ask(who: User, verb: string, resource: string, namespace = '', name = ''): AccessAttributes {
  const [path = '', subresource = ''] = resource.split('/')
  const [plural = '', ...group] = path.split('.')
  return {
    user: who,
    verb,
    isResource: true,
    group: group.join('.'),
    version: 'v1',
    resource: plural,
    subresource,
    namespace,
    name,
    path: '',
  }
}

function askPath(who: User, verb: string, path: string): AccessAttributes {
  return { ...ask(who, verb, ''), isResource: false, path }
}

function authorizerOf(more: readonly KubeObject[] = []) {
  const of = (kind: string) => more.filter((object) => object.kind === kind)
  const objects = {
    roles: [...roleObjects(), ...of('Role')],
    rolebindings: [...roleBindingObjects(), ...of('RoleBinding')],
    clusterroles: [...clusterRoleObjects(), ...of('ClusterRole')],
    clusterrolebindings: [...clusterRoleBindingObjects(), ...of('ClusterRoleBinding')],
  }
  let changes = 1
  return {
    objects,
    changed: () => {
      changes += 1
    },
    authorizer: new RbacAuthorizer({
      ready: () => Promise.resolve(),
      changes: () => changes,
      list: (resource) => objects[resource],
    }),
  }
}

function binding(kind: string, namespace: string, role: string, subjects: readonly unknown[]): KubeObject {
  return asObject({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata: { name: `b-${role}`, ...(namespace === '' ? {} : { namespace }) },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects,
  })
}

void t.test('the default roles allow what upstream allows, and no more', async (t) => {
  const jane = { kind: 'User', name: 'jane' }
  const robot = { kind: 'ServiceAccount', name: 'robot', namespace: 'ci' }
  const { authorizer } = authorizerOf([
    binding('RoleBinding', 'dev', 'edit', [jane]),
    binding('RoleBinding', 'prod', 'view', [jane]),
    binding('ClusterRoleBinding', '', 'admin', [robot]),
  ])
  const eve = user('eve')
  const janet = user('jane')
  const account = user('system:serviceaccount:ci:robot', 'system:serviceaccounts')
  const scheduler = user('system:kube-scheduler')
  const manager = user('system:kube-controller-manager')
  const proxy = user('system:kube-proxy')
  const rows: readonly (readonly [AccessAttributes, boolean])[] = [
    [ask(user('root', 'system:masters'), 'delete', 'nodes'), true],
    [ask(eve, 'get', 'pods', 'dev'), false],
    [ask(eve, 'create', 'selfsubjectaccessreviews.authorization.k8s.io'), true],
    [ask(janet, 'create', 'pods', 'dev'), true],
    [ask(janet, 'create', 'pods/exec', 'dev'), true],
    [ask(janet, 'get', 'secrets', 'dev'), true],
    [ask(janet, 'create', 'rolebindings.rbac.authorization.k8s.io', 'dev'), false],
    [ask(janet, 'get', 'pods', 'prod'), true],
    [ask(janet, 'get', 'pods/log', 'prod'), true],
    [ask(janet, 'get', 'secrets', 'prod'), false],
    [ask(janet, 'delete', 'pods', 'prod'), false],
    [ask(janet, 'list', 'pods'), false],
    [ask(janet, 'patch', 'deployments.apps/scale', 'dev'), true],
    [ask(account, 'create', 'rolebindings.rbac.authorization.k8s.io', 'any'), true],
    [ask(account, 'get', 'nodes'), false],
    [ask(scheduler, 'create', 'pods/binding', 'dev'), true],
    [ask(scheduler, 'update', 'pods/status', 'dev'), true],
    [ask(scheduler, 'get', 'secrets', 'dev'), false],
    [ask(scheduler, 'update', 'leases.coordination.k8s.io', 'kube-system', 'kube-scheduler'), true],
    [ask(scheduler, 'update', 'leases.coordination.k8s.io', 'kube-system', 'other'), false],
    [ask(manager, 'list', 'anything.example.com'), true],
    [ask(manager, 'create', 'serviceaccounts/token', 'kube-system'), true],
    [ask(proxy, 'watch', 'endpointslices.discovery.k8s.io'), true],
    [ask(proxy, 'get', 'secrets', 'dev'), false],
    [askPath(eve, 'get', '/apis/apps/v1'), true],
    [askPath(eve, 'get', '/metrics'), false],
    [askPath({ ...eve, groups: ['system:unauthenticated'] }, 'get', '/version'), true],
    [askPath({ ...eve, groups: ['system:unauthenticated'] }, 'get', '/apis'), false],
  ]
  for (const [attributes, expected] of rows) {
    const decision = await authorizer.authorize(attributes)
    t.equal(decision.allowed, expected, `${attributes.user.name}: ${forbiddenText(attributes, '')}`)
  }
})

void t.test('a change of bindings is seen once the caches have changed', async (t) => {
  const { authorizer, objects, changed } = authorizerOf()
  const jane = user('jane')
  t.equal((await authorizer.authorize(ask(jane, 'get', 'pods', 'dev'))).allowed, false)
  objects.rolebindings.push(binding('RoleBinding', 'dev', 'view', [{ kind: 'User', name: 'jane' }]))
  changed()
  const decision = await authorizer.authorize(ask(jane, 'get', 'pods', 'dev'))
  t.equal(decision.allowed, true)
  t.match(decision.reason, /RoleBinding "b-view\/dev" of ClusterRole "view" to User "jane"/)
})

void t.test('rules match by verb, group, resource, subresource, name and path', (t) => {
  const who = user('x')
  const rule = (fields: Partial<PolicyRule>): PolicyRule => ({
    verbs: ['get'],
    apiGroups: [''],
    resources: ['pods'],
    ...fields,
  })
  const rows: readonly (readonly [PolicyRule, AccessAttributes, boolean])[] = [
    [rule({}), ask(who, 'get', 'pods'), true],
    [rule({}), ask(who, 'get', 'pods/log'), false],
    [rule({ resources: ['*'] }), ask(who, 'get', 'pods/log'), true],
    [rule({ resources: ['*/scale'], apiGroups: ['*'] }), ask(who, 'get', 'deployments.apps/scale'), true],
    [rule({ resources: ['*/scale'], apiGroups: ['*'] }), ask(who, 'get', 'deployments.apps'), false],
    [rule({ resourceNames: ['a'] }), ask(who, 'get', 'pods', 'ns', 'a'), true],
    [rule({ resourceNames: ['a'] }), ask(who, 'get', 'pods', 'ns', 'b'), false],
    [rule({ resourceNames: ['a'], verbs: ['list'] }), ask(who, 'list', 'pods', 'ns'), false],
    [rule({ apiGroups: ['apps'] }), ask(who, 'get', 'pods'), false],
    [{ verbs: ['*'], nonResourceURLs: ['/logs/*'] }, askPath(who, 'get', '/logs/a/b'), true],
    [{ verbs: ['*'], nonResourceURLs: ['/logs/*'] }, askPath(who, 'get', '/metrics'), false],
    [rule({ verbs: ['*'], resources: ['*'], apiGroups: ['*'] }), askPath(who, 'get', '/metrics'), false],
  ]
  for (const [given, attributes, expected] of rows)
    t.equal(
      ruleAllows(given, attributes),
      expected,
      JSON.stringify([given, attributes.resource, attributes.path]),
    )
  t.end()
})

void t.test('a kubelet sees the secrets that pods refer to in any way, and no others', (t) => {
  const spec = {
    serviceAccountName: 'sa',
    imagePullSecrets: [{ name: 'pull' }],
    volumes: [
      { name: 'a', secret: { secretName: 'mounted' } },
      {
        name: 'b',
        projected: { sources: [{ secret: { name: 'projected' } }, { configMap: { name: 'cm-p' } }] },
      },
      { name: 'c', configMap: { name: 'cm-v' } },
      { name: 'd', persistentVolumeClaim: { claimName: 'claim' } },
    ],
    containers: [
      {
        name: 'c',
        envFrom: [{ secretRef: { name: 'from' } }],
        env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'key', key: 'k' } } }],
      },
    ],
    initContainers: [
      { name: 'i', env: [{ name: 'Y', valueFrom: { configMapKeyRef: { name: 'cm-k', key: 'k' } } }] },
    ],
  }
  for (const name of ['pull', 'mounted', 'projected', 'from', 'key'])
    t.ok(refersTo(spec, { resource: 'secrets', name }), name)
  for (const name of ['cm-p', 'cm-v', 'cm-k']) t.ok(refersTo(spec, { resource: 'configmaps', name }), name)
  t.ok(refersTo(spec, { resource: 'persistentvolumeclaims', name: 'claim' }))
  t.ok(refersTo(spec, { resource: 'serviceaccounts', name: 'sa' }))
  t.notOk(refersTo(spec, { resource: 'secrets', name: 'other' }))
  t.notOk(refersTo(spec, { resource: 'configmaps', name: 'mounted' }))
  t.end()
})
