import fc from 'fast-check'
import t from 'tap'
import type { KubeObject } from '../../kind.ts'
import { parseFieldSet, formatFieldSet, isEmptySet, intersectSets } from '../field-set.ts'
import { deepClone, deepEqual, trusted } from '../json.ts'
import { managersOf, updateManagedFields, updateManagersMax } from '../managed-fields.ts'
import { definitionArbitrary } from '../../testing/schema-arbitrary.ts'
import { definitionOf } from '../schema.ts'
import { ApiError } from '../status.ts'
import { mergeValues, typedRoot } from '../typed-value.ts'
import { applyServerSide } from './apply.ts'

const definition = 'io.k8s.api.apps.v1.Deployment'
const nowMs = Date.UTC(2026, 0, 2)

interface Options {
  readonly live?: KubeObject
  readonly manager?: string
  readonly force?: boolean
  readonly nowMs?: number
}

function deployment(spec: unknown, metadata: object = { name: 'web' }): KubeObject {
  return trusted<KubeObject>({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec })
}

function apply(applied: KubeObject, options: Options = {}): KubeObject {
  return applyServerSide({
    live: options.live,
    applied,
    definition,
    manager: options.manager ?? 'one',
    apiVersion: 'apps/v1',
    subresource: '',
    force: options.force ?? false,
    nowMs: options.nowMs ?? nowMs,
  })
}

function update(live: KubeObject | undefined, next: KubeObject, manager: string, at = nowMs): KubeObject {
  return updateManagedFields({
    live,
    next,
    definition,
    manager,
    apiVersion: 'apps/v1',
    subresource: '',
    nowMs: at,
  })
}

function fieldsOf(object: KubeObject, manager: string): unknown {
  return object.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1
}

const web = { name: 'web', image: 'web:1', ports: [{ containerPort: 80 }] }
const template = (containers: readonly object[]) => ({ template: { spec: { containers } } })

void t.test('the applier owns what it applies, item by item', (t) => {
  const object = apply(deployment({ replicas: 1, ...template([web]) }, { name: 'web', labels: { a: 'b' } }))
  t.strictSame(fieldsOf(object, 'one'), {
    'f:metadata': { 'f:labels': { 'f:a': {} } },
    'f:spec': {
      'f:replicas': {},
      'f:template': {
        'f:spec': {
          'f:containers': {
            'k:{"name":"web"}': {
              '.': {},
              'f:image': {},
              'f:name': {},
              'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
            },
          },
        },
      },
    },
  })
  t.match(object.metadata.managedFields, [
    {
      manager: 'one',
      operation: 'Apply',
      apiVersion: 'apps/v1',
      time: '2026-01-02T00:00:00Z',
      fieldsType: 'FieldsV1',
    },
  ])
  t.end()
})

void t.test('what the applier leaves out goes; what others own stays', (t) => {
  const first = apply(
    deployment(
      { replicas: 2, ...template([web, { name: 'side', image: 's:1' }]) },
      { name: 'web', labels: { a: '1', b: '2' } },
    ),
  )
  const other = apply(deployment({}, { name: 'web', labels: { b: '2' } }), { live: first, manager: 'two' })
  const second = apply(deployment(template([web])), { live: other })
  t.strictSame(second.metadata.labels, { b: '2' })
  t.strictSame(second['spec'], template([web]))
  t.end()
})

void t.test(
  "another's field with another value is a conflict that names field and manager; force takes it",
  (t) => {
    const live = apply(deployment({ replicas: 1 }))
    const next = deployment({ replicas: 2 })
    try {
      apply(next, { live, manager: 'two' })
      t.fail('no conflict')
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      t.equal(error.code, 409)
      t.equal(error.message, 'Apply failed with 1 conflict: conflict with "one": .spec.replicas')
      t.strictSame(error.status.details?.causes, [
        { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.spec.replicas' },
      ])
    }
    const forced = apply(next, { live, manager: 'two', force: true })
    t.match(forced['spec'], { replicas: 2 })
    t.notOk(fieldsOf(forced, 'one'))
    const shared = apply(deployment({ replicas: 1 }), { live, manager: 'two' })
    t.equal(managersOf(shared).length, 2, 'the same value is shared without a conflict')
    t.end()
  },
)

void t.test('several conflicts are listed by manager', (t) => {
  const live = apply(deployment({ replicas: 1, paused: true }))
  t.throws(() => apply(deployment({ replicas: 2, paused: false }), { live, manager: 'two' }), {
    message: 'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.paused\n- .spec.replicas',
  })
  t.end()
})

void t.test('an intent that is already met gives the very same object', (t) => {
  const intent = deployment({ replicas: 1, ...template([web]) })
  const live = apply(intent)
  t.equal(apply(deepClone(intent), { live, nowMs: nowMs + 60_000 }), live)
  t.end()
})

void t.test('managed fields in an intent are refused', (t) => {
  const intent = deployment({}, { name: 'web', managedFields: [{ manager: 'x' }] })
  t.throws(() => apply(intent), { code: 400 })
  t.end()
})

void t.test('a create is owned by its creator as upstream would write it', (t) => {
  const created = update(
    undefined,
    deployment(
      {
        replicas: 1,
        selector: { matchLabels: { a: 'b' } },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } },
        template: {
          metadata: { labels: { a: 'b' } },
          spec: { containers: [{ ...web, resources: {} }], dnsPolicy: 'ClusterFirst' },
        },
      },
      { name: 'web', uid: 'u', labels: { a: 'b' } },
    ),
    'kubectl-create',
  )
  t.strictSame(fieldsOf(created, 'kubectl-create'), {
    'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
    'f:spec': {
      'f:replicas': {},
      'f:selector': {},
      'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {} }, 'f:type': {} },
      'f:template': {
        'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"web"}': {
              '.': {},
              'f:image': {},
              'f:name': {},
              'f:ports': {
                '.': {},
                'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
              },
              'f:resources': {},
            },
          },
          'f:dnsPolicy': {},
        },
      },
    },
  })
  t.end()
})

void t.test('an update takes over what it changes, and only that', (t) => {
  const live = update(undefined, deployment({ replicas: 1, paused: true }), 'creator')
  const next = update(live, deployment({ replicas: 2, paused: true }, live.metadata), 'scaler', nowMs + 1000)
  t.strictSame(fieldsOf(next, 'creator'), { 'f:spec': { 'f:paused': {} } })
  t.strictSame(fieldsOf(next, 'scaler'), { 'f:spec': { 'f:replicas': {} } })
  const same = update(next, deepClone(next), 'creator', nowMs + 2000)
  t.strictSame(
    same.metadata.managedFields,
    next.metadata.managedFields,
    'an update without a change leaves all times',
  )
  const gone = update(next, deployment({ replicas: 2 }, next.metadata), 'remover')
  t.notOk(fieldsOf(gone, 'creator'), 'an owner of nothing is gone')
  t.end()
})

void t.test('clients may forget all managers, and old ones are folded', (t) => {
  const live = update(undefined, deployment({ replicas: 1 }), 'creator')
  const reset = update(live, deployment({ replicas: 1 }, { name: 'web', managedFields: [{}] }), 'x')
  t.notOk(reset.metadata.managedFields)
  let object = live
  for (let i = 0; i < 15; i += 1) {
    const labels = { ...object.metadata.labels, [`l${i}`]: '1' }
    object = update(
      object,
      deployment({ replicas: 1 }, { ...object.metadata, labels }),
      `m${i}`,
      nowMs + i * 1000,
    )
  }
  t.equal(object.metadata.managedFields?.length, updateManagersMax)
  t.ok(fieldsOf(object, 'ancient-changes'))
  t.end()
})

void t.test('fieldsV1 is read and written without loss', (t) => {
  const fields = {
    'f:a': { '.': {}, 'f:b': {} },
    'f:c': { 'k:{"name":"x"}': { '.': {}, 'f:d': {} } },
    'f:e': { 'v:"x"': {} },
  }
  t.strictSame(formatFieldSet(parseFieldSet(fields)), fields)
  t.end()
})

const containerIntent = fc.record(
  { name: fc.constantFrom('a', 'b'), image: fc.constantFrom('1', '2') },
  { requiredKeys: ['name'] },
)
const intent = fc
  .record(
    {
      replicas: fc.constantFrom(1, 2),
      paused: fc.boolean(),
      containers: fc.uniqueArray(containerIntent, { selector: (c) => c.name }),
      labels: fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2')),
    },
    { requiredKeys: [] },
  )
  .map(({ replicas, paused, containers, labels }) =>
    deployment(
      {
        ...(replicas === undefined ? {} : { replicas }),
        ...(paused === undefined ? {} : { paused }),
        ...(containers === undefined || containers.length === 0 ? {} : template(containers)),
      },
      { name: 'web', ...(labels === undefined || Object.keys(labels).length === 0 ? {} : { labels }) },
    ),
  )

void t.test(
  'after a forced apply the intent is met, applying it again changes nothing, and no field has two values',
  (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('one', 'two', 'three'), intent), { minLength: 1, maxLength: 6 }),
        (steps) => {
          let live: KubeObject | undefined
          for (const [manager, applied] of steps) {
            const next: KubeObject = apply(deepClone(applied), {
              ...(live === undefined ? {} : { live }),
              manager,
              force: true,
            })
            const again = apply(deepClone(applied), { live: next, manager })
            if (again !== next) return false
            live = next
          }
          return true
        },
      ),
    )
    t.pass('held for every drawn case')
    t.end()
  },
)

void t.test('once its only applier applies nothing, nothing of it is left', (t) => {
  fc.assert(
    fc.property(intent, (applied) => {
      const live = apply(deepClone(applied))
      const emptied = apply(deployment({}), { live })
      const left = managersOf(emptied).filter(({ fields }) => !isEmptySet(intersectSets(fields, fields)))
      return deepEqual(emptied['spec'], {}) && emptied.metadata.labels === undefined && left.length <= 1
    }),
  )
  t.pass('held for every drawn case')
  t.end()
})

void t.test('items that cannot be told apart are refused, with the list and the key', (t) => {
  const twice = deployment(template([web, { name: 'web', image: 'other' }]), {
    name: 'web',
    namespace: 'default',
  })
  t.throws(() => apply(twice), {
    code: 400,
    message:
      'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): errors:\n  .spec.template.spec.containers: duplicate entries for key [name="web"]',
  })
  const account = trusted<KubeObject>({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'a' },
    secrets: [{ kind: 'Secret' }],
  })
  const definition = 'io.k8s.api.core.v1.ServiceAccount'
  const nameless = () =>
    applyServerSide({
      live: undefined,
      applied: account,
      definition,
      manager: 'm',
      apiVersion: 'v1',
      subresource: '',
      force: false,
      nowMs,
    })
  t.throws(nameless, { code: 400, message: /\.secrets: element 0: .* omits key field "name"/ })
  t.end()
})

function isAmbiguous(run: () => unknown): boolean {
  try {
    run()
    return false
  } catch (error) {
    if (error instanceof ApiError && error.code === 400) return true
    throw error
  }
}

for (const name of ['apps.v1.Deployment', 'core.v1.Service', 'core.v1.Pod']) {
  const full = `io.k8s.api.${name}`
  void t.test(`any ${name} that can be applied is applied whole, and only once`, (t) => {
    const any = definitionArbitrary(definitionOf(full)).map((fields) =>
      trusted<KubeObject>({
        ...fields,
        apiVersion: 'v1',
        kind: 'K',
        metadata: { ...trusted<object>(fields['metadata'] ?? {}), managedFields: undefined },
      }),
    )
    const options = { definition: full, apiVersion: 'v1', subresource: '', nowMs }
    const property = fc.property(any, any, (first, second) => {
      const start = () =>
        applyServerSide({ ...options, live: undefined, applied: first, manager: 'one', force: false })
      if (isAmbiguous(start)) return true
      const live = start()
      const next = () => applyServerSide({ ...options, live, applied: second, manager: 'two', force: true })
      if (isAmbiguous(next)) return true
      const merged = next()
      const again = applyServerSide({
        ...options,
        live: merged,
        applied: second,
        manager: 'two',
        force: false,
      })
      return again === merged && deepEqual(mergeValues(merged, second, typedRoot(full)), merged)
    })
    t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }))
    t.end()
  })
}
