import t from 'tap'
import { trusted } from '../meta/json.ts'
import type { Node, Secret, Service } from '../types.ts'
import { matchesNodeSelector, matchesRequiredNodeAffinity, preferredNodeWeight } from './node-affinity.ts'
import { nodes } from './node.ts'
import { secrets } from './secret.ts'
import { services } from './service.ts'
import { findUntoleratedTaint, formatTaint, toleratesTaint } from './taints.ts'

function serviceOf(spec: object, status?: object): Service {
  return trusted<Service>({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec, status })
}

const problemsOf = (spec: object) =>
  services.validate(services.setDefaults(serviceOf(spec))).map(({ field, message }) => `${field}: ${message}`)

void t.test('a service gets its defaults, by type', (t) => {
  t.strictSame(services.setDefaults(serviceOf({ ports: [{ port: 80 }] })).spec, {
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    sessionAffinity: 'None',
    type: 'ClusterIP',
    internalTrafficPolicy: 'Cluster',
  })
  t.match(services.setDefaults(serviceOf({ type: 'LoadBalancer', sessionAffinity: 'ClientIP' })).spec, {
    externalTrafficPolicy: 'Cluster',
    allocateLoadBalancerNodePorts: true,
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
  })
  t.notOk(
    services.setDefaults(serviceOf({ type: 'ExternalName', externalName: 'a.b' })).spec
      ?.internalTrafficPolicy,
  )
  t.end()
})

void t.test('what is wrong with a service is said by field', (t) => {
  t.same(problemsOf({}), ['spec.ports: Required value'])
  t.same(problemsOf({ clusterIP: 'None' }), [])
  t.same(problemsOf({ ports: [{ port: 80 }, { port: 81 }] }), [
    'spec.ports[0].name: Required value',
    'spec.ports[1].name: Required value',
  ])
  t.same(
    problemsOf({
      ports: [
        { port: 80, name: 'a' },
        { port: 80, name: 'b' },
      ],
    }),
    ['spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}'],
  )
  t.same(problemsOf({ ports: [{ port: 0 }] }).length, 2)
  t.same(problemsOf({ type: 'Cloud', ports: [{ port: 1 }] }), [
    'spec.type: Unsupported value: "Cloud": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
  ])
  t.same(problemsOf({ type: 'ExternalName' }), ['spec.externalName: Required value'])
  t.same(problemsOf({ ports: [{ port: 80, nodePort: 30000 }] }).length, 1)
  t.match(problemsOf({ clusterIP: '10.0.0', ports: [{ port: 1 }] }), [
    /^spec\.clusterIPs\[0\]: Invalid value: "10\.0\.0"/,
  ])
  t.end()
})

void t.test('what was allocated stays when an update leaves it out, and may not be changed', (t) => {
  const before = serviceOf({
    type: 'NodePort',
    clusterIP: '10.96.0.5',
    clusterIPs: ['10.96.0.5'],
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }],
  })
  const next = services.setDefaults(
    serviceOf({ type: 'NodePort', ports: [{ port: 80 }, { port: 81, name: 'b' }] }),
  )
  const kept = services.prepareForUpdate(next, before)
  t.match(kept.spec, {
    clusterIP: '10.96.0.5',
    clusterIPs: ['10.96.0.5'],
    ipFamilies: ['IPv4'],
    ports: [{ nodePort: 30080 }, { nodePort: undefined }],
  })
  t.same(services.validateUpdate(kept, before), [])
  const moved = serviceOf({ ...before.spec, clusterIP: '10.96.0.6', clusterIPs: ['10.96.0.6'] })
  t.match(services.validateUpdate(moved, before), [
    { field: 'spec.clusterIPs[0]', message: /may not change once set/ },
  ])
  t.end()
})

void t.test('the row of a service shows addresses and ports as kubectl users know them', (t) => {
  const row = (spec: object, status?: object) =>
    services.columns.map(({ cell }) => cell(serviceOf(spec, status), 0))
  const ports = [
    { port: 80, protocol: 'TCP' },
    { port: 53, protocol: 'UDP', nodePort: 30053 },
  ]
  t.same(row({ type: 'ClusterIP', clusterIPs: ['10.96.0.1'], ports, selector: { b: '2', a: '1' } }), [
    'web',
    'ClusterIP',
    '10.96.0.1',
    '<none>',
    '80/TCP,53:30053/UDP',
    '<unknown>',
    'a=1,b=2',
  ])
  t.equal(row({ type: 'LoadBalancer', ports })[3], '<pending>')
  t.equal(
    row({ type: 'LoadBalancer', ports }, { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } })[3],
    '1.2.3.4',
  )
  t.equal(row({ type: 'ExternalName', externalName: 'a.b' })[3], 'a.b')
  t.end()
})

void t.test('stringData is encoded into data and wins over it; a typed secret needs its keys', (t) => {
  const secretOf = (fields: object) =>
    secrets.setDefaults(
      trusted<Secret>({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, ...fields }),
    )
  const secret = secretOf({ data: { a: 'eA==', b: 'eA==' }, stringData: { a: 'hello' } })
  t.strictSame(secret.data, { a: 'aGVsbG8=', b: 'eA==' })
  t.equal(secret.type, 'Opaque')
  t.notOk('stringData' in secret)
  t.match(secrets.validate(secretOf({ type: 'kubernetes.io/tls', data: { 'tls.crt': 'eA==' } })), [
    { field: 'data[tls.key]' },
  ])
  t.match(secrets.validate(secretOf({ data: { 'bad key': 'eA==' } })), [{ field: 'data[bad key]' }])
  t.match(secrets.validate(secretOf({ data: { big: 'A'.repeat(1024 * 1024 * 2) } })), [
    { type: 'FieldValueTooLong' },
  ])
  const fixed = secretOf({ immutable: true, data: { a: 'eA==' } })
  t.match(secrets.validateUpdate(secretOf({ immutable: true }), fixed), [{ field: 'data' }])
  t.end()
})

void t.test('a toleration covers the taints that it names', (t) => {
  const taint = { key: 'a', value: 'v', effect: 'NoSchedule' }
  t.ok(toleratesTaint({ operator: 'Exists' }, taint))
  t.ok(toleratesTaint({ key: 'a', value: 'v' }, taint))
  t.ok(toleratesTaint({ key: 'a', operator: 'Exists', effect: 'NoSchedule' }, taint))
  t.notOk(toleratesTaint({ key: 'a', value: 'w' }, taint))
  t.notOk(toleratesTaint({ key: 'b', operator: 'Exists' }, taint))
  t.notOk(toleratesTaint({ key: 'a', operator: 'Exists', effect: 'NoExecute' }, taint))
  t.equal(findUntoleratedTaint([taint], [], ['NoExecute']), undefined)
  t.equal(findUntoleratedTaint([taint], [], ['NoSchedule']), taint)
  t.equal(formatTaint(taint), 'a=v:NoSchedule')
  t.end()
})

const node = trusted<Node>({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', labels: { zone: 'a', cores: '8' } },
})

void t.test(
  'node affinity: terms are alternatives, requirements must all hold, an empty term selects nothing',
  (t) => {
    const term = (key: string, operator: string, values?: string[]) => ({
      matchExpressions: [{ key, operator, ...(values && { values }) }],
    })
    const matches = (...nodeSelectorTerms: object[]) =>
      matchesNodeSelector(trusted({ nodeSelectorTerms }), node)
    t.ok(matches(term('zone', 'In', ['a', 'b'])))
    t.ok(matches(term('zone', 'In', ['z']), term('cores', 'Gt', ['4'])))
    t.ok(matches(term('gone', 'NotIn', ['x'])))
    t.ok(matches({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }))
    t.notOk(matches({}))
    t.notOk(matches())
    t.notOk(matches(term('cores', 'Lt', ['8'])))
    t.ok(matchesRequiredNodeAffinity({ spec: { containers: [], nodeSelector: { zone: 'a' } } }, node))
    t.notOk(matchesRequiredNodeAffinity({ spec: { containers: [], nodeSelector: { zone: 'b' } } }, node))
    t.equal(
      preferredNodeWeight(
        [
          { weight: 5, preference: term('zone', 'Exists') },
          { weight: 7, preference: term('gone', 'Exists') },
        ],
        node,
      ),
      5,
    )
    t.end()
  },
)

void t.test('the row of a node shows readiness, cordon and roles', (t) => {
  const ready = trusted<Node>({
    ...node,
    metadata: {
      ...node.metadata,
      labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/edge': '' },
    },
    spec: { unschedulable: true },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  })
  t.same(
    nodes.columns.slice(1, 3).map(({ cell }) => cell(ready, 0)),
    ['Ready,SchedulingDisabled', 'edge,worker'],
  )
  t.equal(nodes.columns[1]?.cell(node, 0), 'Unknown')
  t.end()
})
