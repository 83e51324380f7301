import t from 'tap'
import type { Container, Service } from '../api/types.ts'
import { containerEnvironment, ContainerConfigError, type EnvironmentSources, expand } from './environment.ts'
import { containerOf, podOf } from './testing/pod-fixtures.ts'

const base: EnvironmentSources = {
  pod: podOf(),
  facts: {
    podIP: '10.244.0.2',
    hostIP: '192.168.0.1',
    nodeName: 'n1',
    allocatableCpuMillis: 2000,
    allocatableMemoryBytes: 1024,
  },
  services: [],
  configMap: (name) =>
    name === 'settings'
      ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { colour: 'blue', size: 'L' } }
      : undefined,
  secret: (name) =>
    name === 'keys'
      ? { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data: { token: btoa('s3cret') } }
      : undefined,
}

function environment(
  more: Partial<Container>,
  sources: Partial<EnvironmentSources> = {},
): Readonly<Record<string, string>> {
  const found = containerEnvironment(containerOf('c', more), { ...base, ...sources })
  return Object.fromEntries(found.map(({ name, value }) => [name, value]))
}

t.test('variables are expanded in order; unknown ones stay as they are', async (t) => {
  const values = new Map([['A', '1']])
  t.equal(expand('$(A)-$(B)-$$(A)-$A', values), '1-$(B)-$(A)-$A')
  t.same(
    environment({
      env: [
        { name: 'A', value: 'x' },
        { name: 'B', value: '$(A)y' },
      ],
    }),
    { A: 'x', B: 'xy' },
  )
})

t.test('values come from ConfigMaps, Secrets, fields and resources', async (t) => {
  t.same(
    environment({
      resources: { limits: { cpu: '1500m' } },
      env: [
        { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
        { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
        { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } },
      ],
    }),
    { COLOUR: 'blue', TOKEN: 's3cret', POD: 'web', IP: '10.244.0.2', CPU: '2', MEMORY: '1024' },
  )
})

t.test('envFrom takes all keys, with a prefix; env wins over it', async (t) => {
  const envFrom = [{ prefix: 'S_', configMapRef: { name: 'settings' } }, { secretRef: { name: 'keys' } }]
  t.same(environment({ envFrom, env: [{ name: 'S_size', value: 'XL' }] }), {
    S_colour: 'blue',
    S_size: 'XL',
    token: 's3cret',
  })
})

t.test('what is missing is an error that names it, unless it is optional', async (t) => {
  const missing = (reference: object) => () =>
    environment({
      env: [{ name: 'A', valueFrom: { configMapKeyRef: { key: 'k', name: 'none', ...reference } } }],
    })
  t.throws(missing({}), new ContainerConfigError('configmap "none" not found'))
  t.throws(
    missing({ name: 'settings' }),
    new ContainerConfigError("couldn't find key k in ConfigMap default/settings"),
  )
  t.same(missing({ optional: true })(), {})
})

t.test('services of the namespace and the API server itself become variables', async (t) => {
  const service = (name: string, namespace: string): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP: '10.96.0.7', ports: [{ name: 'http', port: 80 }] },
  })
  const services = [
    service('my-db', 'default'),
    service('kubernetes', 'default'),
    service('other', 'elsewhere'),
  ]
  const linked = environment({}, { services })
  t.equal(linked.MY_DB_SERVICE_HOST, '10.96.0.7')
  t.equal(linked.MY_DB_SERVICE_PORT_HTTP, '80')
  t.equal(linked.MY_DB_PORT_80_TCP, 'tcp://10.96.0.7:80')
  t.notOk('OTHER_SERVICE_HOST' in linked)
  const unlinked = environment({}, { services, pod: podOf({ enableServiceLinks: false }) })
  t.notOk('MY_DB_SERVICE_HOST' in unlinked)
  t.equal(unlinked.KUBERNETES_SERVICE_HOST, '10.96.0.7')
})
