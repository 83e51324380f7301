import fc from 'fast-check'
import t from 'tap'
import { kubectlBodies } from '../testing/kubectl-bodies.ts'
import type { FieldValidation } from './codec.ts'
import { decode, encode, jsonMediaType, protobufMediaType, yamlMediaType } from './codec.ts'
import { deepClone, deepEqual } from './json.ts'
import { parseApiVersion } from './owner.ts'
import { ApiError } from './status.ts'

const deployment = { group: 'apps', version: 'v1', kind: 'Deployment' }
const pod = { group: '', version: 'v1', kind: 'Pod' }
const bytesOf = (text: string) => new TextEncoder().encode(text)

function decodeJson(text: string, expected = deployment, validation: FieldValidation = 'Strict') {
  return decode(bytesOf(text), jsonMediaType, expected, validation)
}

function refusal(run: () => unknown): { code: number; message: string } {
  try {
    run()
  } catch (error) {
    if (error instanceof ApiError) return { code: error.code, message: error.message }
    throw error
  }
  return { code: 0, message: 'was accepted' }
}

for (const { command, base64, object } of kubectlBodies) {
  void t.test(`what kubectl ${command} sends is read and survives being written again`, (t) => {
    const bytes = Buffer.from(base64, 'base64')
    const gvk = { ...parseApiVersion(String(object['apiVersion'])), kind: String(object['kind']) }
    const read = decode(bytes, protobufMediaType, gvk)
    t.strictSame(deepClone(read.object), object)
    t.strictSame(
      deepClone(decode(encode(read.object, protobufMediaType), protobufMediaType, gvk).object),
      object,
    )
    t.strictSame(decodeJson(JSON.stringify(object), gvk).object, object, 'and JSON says the same')
    t.end()
  })
}

void t.test('an unknown field is refused by its path when asked, told when asked, and dropped', (t) => {
  const body = '{"spec":{"foo":1,"template":{"spec":{"containers":[{"nam":"x"}]}}}}'
  t.same(
    refusal(() => decodeJson(body)),
    {
      code: 400,
      message:
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.foo", unknown field "spec.template.spec.containers[0].nam"',
    },
  )
  const warned = decodeJson(body, deployment, 'Warn')
  t.same(warned.warnings, [
    'unknown field "spec.foo"',
    'unknown field "spec.template.spec.containers[0].nam"',
  ])
  t.notOk('foo' in (warned.object['spec'] as object))
  t.same(decodeJson(body, deployment, 'Ignore').warnings, [])
  t.end()
})

void t.test('a field that stands twice is found in JSON and in YAML', (t) => {
  const twice = '{"metadata":{"name":"a","name":"b"},"spec":{"replicas":1,"replicas":1}}'
  t.same(decodeJson(twice, deployment, 'Warn').warnings, [
    'duplicate field "metadata.name"',
    'duplicate field "spec.replicas"',
  ])
  const yaml = 'metadata:\n  name: a\nspec:\n  replicas: 1\n  replicas: 2\n'
  t.same(decode(bytesOf(yaml), yamlMediaType, deployment, 'Warn').warnings, [
    'line 5: key "replicas" already set in map',
  ])
  t.end()
})

void t.test('a value of the wrong type is refused in the words of Go', (t) => {
  const cases: readonly (readonly [string, string])[] = [
    [
      '{"spec":{"replicas":"x"}}',
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      '{"spec":{"replicas":1.5}}',
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      '{"metadata":{"labels":{"a":1}}}',
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      '{"spec":{"template":{"spec":{"containers":{}}}}}',
      'json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container',
    ],
    [
      '{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":1}]}]}}}}',
      'json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string',
    ],
    [
      '{"spec":{"template":{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"much"}}}]}}}}',
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
  ]
  for (const [body, text] of cases) {
    t.same(
      refusal(() => decodeJson(body, deployment, 'Ignore')),
      {
        code: 400,
        message: `Deployment in version "v1" cannot be handled as a Deployment: ${text}`,
      },
    )
  }
  t.end()
})

void t.test('a body of another kind or version, no JSON, or an unknown media type is refused', (t) => {
  t.match(
    refusal(() => decodeJson('{"apiVersion":"v1","kind":"Pod"}')),
    { code: 400, message: /does not match the expected API version \(apps\/v1\)/ },
  )
  t.match(
    refusal(() => decodeJson('{"kind":"ReplicaSet"}')),
    { code: 400, message: /^ReplicaSet in version "v1" cannot be handled as a Deployment/ },
  )
  t.match(
    refusal(() => decodeJson('{"a":')),
    { code: 400, message: /must be of type Deployment/ },
  )
  t.match(
    refusal(() => decodeJson('[]')),
    { code: 400 },
  )
  t.equal(refusal(() => decode(bytesOf('{}'), 'text/plain', deployment)).code, 415)
  t.equal(refusal(() => decode(bytesOf('k8s\0\x0a\xff\xff'), protobufMediaType, deployment)).code, 400)
  t.equal(refusal(() => decode(bytesOf('{}'), protobufMediaType, deployment)).code, 400)
  t.end()
})

void t.test('nulls, empty lists and meaningless zeros are not kept; zeros that mean something are', (t) => {
  const body = {
    metadata: { name: 'web', creationTimestamp: null, labels: {} },
    spec: {
      nodeName: '',
      hostNetwork: false,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [
        { name: 'c', args: [], ports: [{ containerPort: 1, hostPort: 0 }], env: [{ name: 'A', value: '' }] },
      ],
      volumes: [{ name: 'v', emptyDir: {} }],
    },
  }
  t.strictSame(decodeJson(JSON.stringify(body), pod).object, {
    metadata: { name: 'web' },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'c', ports: [{ containerPort: 1 }], env: [{ name: 'A', value: '' }] }],
      volumes: [{ name: 'v', emptyDir: {} }],
    },
    apiVersion: 'v1',
    kind: 'Pod',
  })
  t.end()
})

void t.test('quantities are made canonical, as the server would write them', (t) => {
  const body = {
    spec: { containers: [{ name: 'c', resources: { limits: { cpu: '1000m', memory: 1024 } } }] },
  }
  const read = decodeJson(JSON.stringify(body), pod).object
  t.match(read['spec'], { containers: [{ resources: { limits: { cpu: '1', memory: '1024' } } }] })
  t.end()
})

void t.test('times are made UTC, with the digits that their type has', (t) => {
  const lease = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease' }
  const body = {
    metadata: { creationTimestamp: '2026-01-02T03:04:05.678+02:00' },
    spec: { renewTime: '2026-01-02T03:04:05Z', acquireTime: '2026-01-02T03:04:05.1234567-01:00' },
  }
  t.match(decodeJson(JSON.stringify(body), lease).object, {
    metadata: { creationTimestamp: '2026-01-02T01:04:05Z' },
    spec: { renewTime: '2026-01-02T03:04:05.000000Z', acquireTime: '2026-01-02T04:04:05.123456Z' },
  })
  const bad = { spec: { renewTime: 'yesterday' } }
  t.match(
    refusal(() => decodeJson(JSON.stringify(bad), lease)),
    { code: 400, message: /parsing time "yesterday"/ },
  )
  t.end()
})

void t.test('YAML is read as version 1.1: yes is true, 0644 is octal, times stay text', (t) => {
  const yaml =
    'spec:\n  hostNetwork: yes\n  volumes:\n  - name: v\n    configMap: {name: c, defaultMode: 0644}\nmetadata:\n  annotations: {at: 2026-01-02T03:04:05Z}\n'
  const read = decode(bytesOf(yaml), yamlMediaType, pod, 'Strict').object
  t.match(read, {
    spec: { hostNetwork: true, volumes: [{ configMap: { defaultMode: 420 } }] },
    metadata: { annotations: { at: '2026-01-02T03:04:05Z' } },
  })
  t.end()
})

void t.test('a body that is nested without end is refused', (t) => {
  const body = `{"data":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
  t.match(
    refusal(() => decodeJson(body, { group: 'apps', version: 'v1', kind: 'ControllerRevision' })),
    { code: 400 },
  )
  t.end()
})

void t.test('a bomb of aliases is refused', (t) => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 9; i += 1)
    lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`)
  t.equal(refusal(() => decode(bytesOf(lines.join('\n')), yamlMediaType, pod)).code, 400)
  t.end()
})

void t.test('delete options are read for every group, and a grace period of zero is kept', (t) => {
  const options = { group: 'apps', version: 'v1', kind: 'DeleteOptions' }
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid: 'u' } }
  t.strictSame(decodeJson(JSON.stringify(body), options).object, body)
  t.strictSame(deepClone(decode(encode(body, protobufMediaType), protobufMediaType, options).object), body)
  t.end()
})

void t.test('a custom resource keeps its fields; only its metadata is checked', (t) => {
  const widget = { group: 'example.com', version: 'v1', kind: 'Widget' }
  const read = decodeJson('{"metadata":{"name":"w","bogus":1},"spec":{"any":[1,null]}}', widget, 'Warn')
  t.same(read.warnings, ['unknown field "metadata.bogus"'])
  t.strictSame(read.object, {
    metadata: { name: 'w' },
    spec: { any: [1, null] },
    apiVersion: 'example.com/v1',
    kind: 'Widget',
  })
  t.equal(refusal(() => encode(read.object, protobufMediaType)).code, 406)
  t.end()
})

const fieldNames = fc.constantFrom(
  ...[
    'metadata',
    'spec',
    'status',
    'template',
    'containers',
    'name',
    'labels',
    'ports',
    'env',
    'resources',
    'limits',
  ],
  ...[
    'replicas',
    'selector',
    'strategy',
    'rollingUpdate',
    'maxSurge',
    'annotations',
    'creationTimestamp',
    '__proto__',
  ],
)
const anyJson = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom(null, true, 0, 1.5, -1, '', 'x', '1Gi', '2026-01-02T03:04:05Z'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fieldNames, tie('value'), { maxKeys: 4 }),
  ),
})).value

void t.test('any JSON is read as an object or refused with 400, and what was read reads as itself', (t) => {
  const property = fc.property(anyJson, fc.constantFrom(deployment, pod), (value, gvk) => {
    const text = JSON.stringify(value)
    try {
      const once = decodeJson(text, gvk, 'Ignore').object
      return deepEqual(decodeJson(JSON.stringify(once), gvk, 'Strict').object, once)
    } catch (error) {
      return error instanceof ApiError && error.code === 400
    }
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }))
  t.end()
})
