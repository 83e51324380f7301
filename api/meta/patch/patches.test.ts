import fc from 'fast-check'
import t from 'tap'
import { deepClone, deepEqual, deepFreeze, isObject } from '../json.ts'
import { definitionArbitrary } from '../../testing/schema-arbitrary.ts'
import { definitionOf } from '../schema.ts'
import { ApiError } from '../status.ts'
import { applyJsonPatch, jsonPatchOperationsMax } from './json-patch.ts'
import { applyMergePatch, createMergePatch } from './merge-patch.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

const deployment = definitionOf('io.k8s.api.apps.v1.Deployment')
const podDefinition = definitionOf('io.k8s.api.core.v1.Pod')

function codeOf(run: () => unknown): number {
  try {
    run()
  } catch (error) {
    if (error instanceof ApiError) return error.code
    throw error
  }
  return 0
}

void t.test('a JSON patch does what RFC 6902 says and leaves its document alone', (t) => {
  const document = deepFreeze({ a: { b: [1, 2] }, c: 'x' })
  const patch = [
    { op: 'test', path: '/c', value: 'x' },
    { op: 'add', path: '/a/b/-', value: 3 },
    { op: 'replace', path: '/c', value: null },
    { op: 'move', from: '/a/b/0', path: '/d' },
    { op: 'copy', from: '/d', path: '/e~1f' },
  ]
  t.strictSame(applyJsonPatch<unknown>(document, patch), { a: { b: [2, 3] }, c: null, d: 1, 'e/f': 1 })
  t.strictSame(applyJsonPatch<unknown>({ a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }]), { b: 2 })
  t.end()
})

void t.test('a JSON patch that cannot be applied is refused with the code that says why', (t) => {
  const apply = (patch: unknown) => () => applyJsonPatch({ a: [1] }, patch)
  t.equal(codeOf(apply([{ op: 'test', path: '/a', value: 2 }])), 422)
  t.equal(codeOf(apply([{ op: 'remove', path: '/b' }])), 422)
  t.equal(codeOf(apply([{ op: 'add', path: '/a/5', value: 1 }])), 422)
  t.equal(codeOf(apply([{ op: 'jump', path: '/a' }])), 400)
  t.equal(codeOf(apply([{ op: 'add', path: 'a', value: 1 }])), 400)
  t.equal(codeOf(apply({})), 400)
  const many = Array.from({ length: jsonPatchOperationsMax + 1 }, () => ({
    op: 'test',
    path: '/a',
    value: [1],
  }))
  t.equal(codeOf(apply(many)), 413)
  t.end()
})

/** RFC 7386, word for word. */
function mergeByDefinition(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = mergeByDefinition(result[name], value)
  }
  return result
}

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, 1, 'x', true),
    fc.array(fc.integer(), { maxLength: 2 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('value'), { maxKeys: 3 }),
})).object

function hasNull(value: unknown): boolean {
  return value === null || (isObject(value) && Object.values(value).some(hasNull))
}

void t.test('a merge patch is what RFC 7386 defines', (t) => {
  fc.assert(
    fc.property(json, json, (document, patch) => {
      const frozen = deepFreeze(deepClone(document))
      return deepEqual(applyMergePatch<unknown>(frozen, patch), mergeByDefinition(document, patch))
    }),
  )
  t.pass('held for every drawn case')
  t.end()
})

void t.test('the merge patch between two documents leads from one to the other', (t) => {
  fc.assert(
    fc.property(json, json, (a, b) => {
      if (!isObject(a) || !isObject(b) || hasNull(b) || hasNull(a)) return true
      return deepEqual(applyMergePatch<unknown>(a, createMergePatch(a, b)), b)
    }),
  )
  t.pass('held for every drawn case')
  t.end()
})

const containers = [
  {
    name: 'a',
    image: 'a:1',
    env: [
      { name: 'X', value: '1' },
      { name: 'Y', value: '2' },
    ],
  },
  { name: 'b', image: 'b:1', ports: [{ containerPort: 80, protocol: 'TCP' }] },
]
const live = deepFreeze({
  metadata: { labels: { a: '1', b: '2' }, finalizers: ['x', 'y'] },
  spec: {
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } },
    template: { spec: { containers, volumes: [{ name: 'v', emptyDir: {} }], tolerations: [{ key: 'a' }] } },
  },
})
const smp = (patch: unknown) => applyStrategicMergePatch<unknown>(live, patch, deployment)
const inPod = (spec: unknown) => ({ spec: { template: { spec } } })

void t.test('a strategic merge patch merges lists by their key and replaces the others', (t) => {
  t.match(
    smp(inPod({ containers: [{ name: 'b', image: 'b:2' }], tolerations: [{ key: 'z' }] })),
    inPod({
      containers: [containers[0], { name: 'b', image: 'b:2', ports: [{ containerPort: 80 }] }],
      tolerations: [{ key: 'z' }],
    }),
  )
  t.match(
    smp(inPod({ containers: [{ name: 'a', env: [{ name: 'Y', value: '9' }] }] })),
    inPod({
      containers: [
        {
          name: 'a',
          env: [
            { name: 'X', value: '1' },
            { name: 'Y', value: '9' },
          ],
        },
        { name: 'b' },
      ],
    }),
  )
  t.match(smp({ metadata: { labels: { a: null, c: '3' }, finalizers: ['z'] } }), {
    metadata: { labels: { b: '2', c: '3' }, finalizers: ['z', 'x', 'y'] },
  })
  t.end()
})

void t.test('an item that is new comes first, as kubectl users know it', (t) => {
  const patched = smp(inPod({ containers: [{ name: 'new', image: 'n:1' }] }))
  t.match(patched, inPod({ containers: [{ name: 'new' }, { name: 'a' }, { name: 'b' }] }))
  t.end()
})

void t.test('directives delete, replace, retain and order', (t) => {
  t.strictSame(smp(inPod({ containers: [{ $patch: 'delete', name: 'a' }] })), {
    ...live,
    spec: { ...live.spec, template: { spec: { ...live.spec.template.spec, containers: [containers[1]] } } },
  })
  t.match(
    smp(inPod({ containers: [{ $patch: 'replace' }, { name: 'only', image: 'o' }] })),
    inPod({ containers: [{ name: 'only', image: 'o' }] }),
  )
  t.strictSame(smp({ metadata: { $patch: 'replace', labels: { z: '1' } } }), {
    ...live,
    metadata: { labels: { z: '1' } },
  })
  t.strictSame(smp({ spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } }), {
    ...live,
    spec: { ...live.spec, strategy: { type: 'Recreate' } },
  })
  t.match(smp({ metadata: { '$deleteFromPrimitiveList/finalizers': ['x'] } }), {
    metadata: { finalizers: ['y'] },
  })
  t.match(
    smp(
      inPod({
        '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
        containers: [{ name: 'a', image: 'a:2' }],
      }),
    ),
    inPod({ containers: [{ name: 'b' }, { name: 'a', image: 'a:2' }] }),
  )
  t.match(
    smp(inPod({ '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] })),
    inPod({ containers: [{ name: 'b' }, { name: 'a' }] }),
  )
  t.match(
    smp(
      inPod({
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }, { name: 'b' }],
        containers: [{ name: 'c', image: 'c' }],
      }),
    ),
    inPod({ containers: [{ name: 'c' }, { name: 'a' }, { name: 'b' }] }),
  )
  t.end()
})

void t.test('a patch that breaks the rules is refused', (t) => {
  t.equal(
    codeOf(() => smp(inPod({ containers: [{ image: 'nameless' }] }))),
    400,
  )
  t.equal(
    codeOf(() => smp({ metadata: { $patch: 'explode' } })),
    400,
  )
  t.equal(
    codeOf(() => smp({ spec: { strategy: { $retainKeys: ['type'], rollingUpdate: {} } } })),
    400,
  )
  t.equal(
    codeOf(() => smp('text')),
    400,
  )
  t.end()
})

const volume = fc.record({
  name: fc.constantFrom('v', 'w', 'x'),
  emptyDir: fc.constantFrom({}, { medium: 'Memory' }),
})
const container = fc.record(
  {
    name: fc.constantFrom('a', 'b', 'c'),
    image: fc.constantFrom('i:1', 'i:2'),
    env: fc.uniqueArray(fc.record({ name: fc.constantFrom('X', 'Y'), value: fc.constantFrom('1', '2') }), {
      selector: (e) => e.name,
    }),
  },
  { requiredKeys: ['name'] },
)
const podPatch = fc.record(
  {
    metadata: fc.record({
      labels: fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2', null)),
    }),
    spec: fc.record(
      {
        nodeName: fc.constantFrom('n1', null),
        containers: fc.uniqueArray(container, { selector: (c) => c.name }),
        volumes: fc.uniqueArray(volume, { selector: (v) => v.name }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
)

void t.test('the same strategic merge patch twice changes nothing the second time', (t) => {
  fc.assert(
    fc.property(podPatch, podPatch, (base, patch) => {
      const pod = applyStrategicMergePatch<unknown>({}, base, podDefinition)
      const once = applyStrategicMergePatch(deepFreeze(deepClone(pod)), patch, podDefinition)
      return deepEqual(applyStrategicMergePatch(once, patch, podDefinition), once)
    }),
  )
  t.pass('held for every drawn case')
  t.end()
})

for (const name of ['apps.v1.Deployment', 'core.v1.Service', 'core.v1.Node', 'core.v1.Pod']) {
  void t.test(`any two ${name} merge, and merging twice is merging once`, (t) => {
    const definition = definitionOf(`io.k8s.api.${name}`)
    const any = definitionArbitrary(definition)
    const property = fc.property(any, any, (object, patch) => {
      try {
        const live = applyStrategicMergePatch<unknown>({}, object, definition)
        const once = applyStrategicMergePatch(deepFreeze(deepClone(live)), patch, definition)
        return deepEqual(applyStrategicMergePatch(once, patch, definition), once)
      } catch (error) {
        // Items without their merge key are refused.
        return error instanceof ApiError && error.code === 400
      }
    })
    t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }))
    t.end()
  })
}
