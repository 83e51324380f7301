import fc from 'fast-check'
import t from 'tap'
import { statefulSets } from '../../api/apps/stateful-set.ts'
import type { Pod, StatefulSet, StatefulSetSpec } from '../../api/types.ts'
import { epochMs, podOf } from '../testing/objects.ts'
import { claimsFor, ordinalOf, type Revision, statefulPod } from './identity.ts'
import { planStatefulSet } from './plan.ts'

const revision = (name: string): Revision => ({
  name,
  template: { spec: { containers: [{ name: 'c', image: name }] } },
})

function setOf(spec: Partial<StatefulSetSpec> = {}): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'default', uid: 'uid-db', generation: 1 },
    spec: { selector: { matchLabels: { app: 'db' } }, template: {}, serviceName: 'db', replicas: 3, ...spec },
  }
}

function specOf({ spec }: StatefulSet): StatefulSetSpec {
  if (!spec) throw new Error('a set has a spec')
  return spec
}

/** Pods that run one step after they are made and go one step after they are deleted. */
class Model {
  set: StatefulSet
  pods: Pod[] = []
  current = revision('r1')
  update = revision('r1')
  /** Revisions whose pods never become ready. */
  readonly broken = new Set<string>()
  readonly made: string[] = []
  readonly gone: string[] = []

  constructor(set: StatefulSet) {
    this.set = set
  }

  step(): boolean {
    const { set, pods, current, update } = this
    const plan = planStatefulSet({ set, pods, current, update, nowMs: epochMs + 1000 })
    this.pods = this.pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    this.pods = this.pods.map((pod) => {
      const isBroken = this.broken.has(pod.metadata.labels?.['controller-revision-hash'] ?? '')
      return { ...pod, status: podOf({ name: 'x', ready: !isBroken }).status }
    })
    const gone = new Set(plan.delete.map(({ metadata }) => metadata.name))
    this.gone.push(...plan.delete.map(({ metadata }) => metadata.name ?? ''))
    this.pods = this.pods.map((pod) =>
      gone.has(pod.metadata.name)
        ? { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
        : pod,
    )
    for (const { ordinal, revision: from } of plan.create) {
      const pod = statefulPod(set, ordinal, from)
      this.made.push(pod.metadata.name ?? '')
      if (this.pods.some(({ metadata }) => metadata.name === pod.metadata.name))
        throw new Error(`${pod.metadata.name} twice`)
      const { status } = podOf({ name: 'x', phase: 'Pending' })
      this.pods.push({ ...pod, metadata: { ...pod.metadata, uid: `uid-${this.made.length}` }, status })
    }
    const isChanged = JSON.stringify(plan.status) !== JSON.stringify(set.status)
    this.set = { ...set, status: plan.status }
    if (plan.status.currentRevision === update.name) this.current = update
    return isChanged || plan.create.length + plan.delete.length > 0
  }

  settle(): void {
    for (let round = 0, quiet = 0; round < 300; round += 1) {
      quiet = this.step() ? 0 : quiet + 1
      if (quiet > 3) return
    }
    throw new Error('no end after 300 rounds')
  }

  names(): readonly string[] {
    return this.pods.map(({ metadata }) => metadata.name ?? '').toSorted()
  }

  available(): number {
    return this.pods.filter(
      ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined &&
        status?.phase === 'Running' &&
        status.conditions?.[0]?.status === 'True',
    ).length
  }

  revisions(): Record<string, string | undefined> {
    return Object.fromEntries(
      this.pods
        .map(({ metadata }) => [metadata.name ?? '', metadata.labels?.['controller-revision-hash']] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    )
  }
}

t.test('pods are made in order, each with its name, host name, labels and claims', (t) => {
  const model = new Model(
    setOf({
      volumeClaimTemplates: [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } }],
    }),
  )
  model.step()
  t.same(model.made, ['db-0'])
  model.settle()
  t.same(model.made, ['db-0', 'db-1', 'db-2'])
  t.match(model.pods[1], {
    metadata: {
      name: 'db-1',
      labels: {
        'statefulset.kubernetes.io/pod-name': 'db-1',
        'apps.kubernetes.io/pod-index': '1',
        'controller-revision-hash': 'r1',
      },
      ownerReferences: [{ kind: statefulSets.kind, uid: 'uid-db' }],
    },
    spec: {
      hostname: 'db-1',
      subdomain: 'db',
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } }],
    },
  })
  t.same(
    claimsFor(model.set, 1).map(({ metadata }) => metadata.name),
    ['data-db-1'],
  )
  t.match(model.set.status, {
    replicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    currentRevision: 'r1',
    updateRevision: 'r1',
  })
  t.end()
})

t.test('a scale-down removes the highest first, one at a time, and Parallel all at once', (t) => {
  const ordered = new Model(setOf({ replicas: 4 }))
  ordered.settle()
  ordered.set = { ...ordered.set, spec: { ...specOf(ordered.set), replicas: 1 } }
  ordered.step()
  t.same(ordered.gone, ['db-3'])
  ordered.settle()
  t.same(ordered.gone, ['db-3', 'db-2', 'db-1'])
  const parallel = new Model(setOf({ replicas: 4, podManagementPolicy: 'Parallel' }))
  parallel.step()
  t.equal(parallel.made.length, 4)
  t.end()
})

t.test('an update goes from the highest down to the partition', (t) => {
  const model = new Model(
    setOf({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } }),
  )
  model.settle()
  model.update = revision('r2')
  model.settle()
  t.same(model.gone, ['db-2', 'db-1'])
  t.same(model.revisions(), { 'db-0': 'r1', 'db-1': 'r2', 'db-2': 'r2' })
  t.match(model.set.status, { currentRevision: 'r1', updateRevision: 'r2', updatedReplicas: 2 })
  model.pods = model.pods.filter(({ metadata }) => metadata.name !== 'db-0')
  model.settle()
  t.equal(model.revisions()['db-0'], 'r1', 'a pod below the partition comes back as it was')
  t.end()
})

t.test(
  'a broken update stops at the first pod, and going back takes its deletion by hand, as upstream documents',
  (t) => {
    const model = new Model(setOf())
    model.settle()
    model.broken.add('r2')
    model.update = revision('r2')
    model.settle()
    t.same(model.gone, ['db-2'])
    model.update = revision('r1')
    model.settle()
    t.equal(model.revisions()['db-2'], 'r2', 'in order means: not before it is ready')
    model.pods = model.pods.filter(({ metadata }) => metadata.name !== 'db-2')
    model.settle()
    t.same(model.revisions(), { 'db-0': 'r1', 'db-1': 'r1', 'db-2': 'r1' })
    t.end()
  },
)

t.test('OnDelete changes nothing by itself', (t) => {
  const model = new Model(setOf({ updateStrategy: { type: 'OnDelete' } }))
  model.settle()
  model.update = revision('r2')
  model.settle()
  t.same(model.gone, [])
  model.pods = model.pods.filter(({ metadata }) => metadata.name !== 'db-1')
  model.settle()
  t.same(model.revisions(), { 'db-0': 'r1', 'db-1': 'r2', 'db-2': 'r1' })
  t.end()
})

t.test(
  'through any scales and updates no name is used twice, at most one is missing in an update, and all ends well',
  (t) => {
    fc.assert(
      fc.property(
        fc.constantFrom('OrderedReady', 'Parallel'),
        fc.integer({ min: 0, max: 3 }),
        fc.array(
          fc.record({
            replicas: fc.integer({ min: 0, max: 6 }),
            version: fc.integer({ min: 1, max: 3 }),
            steps: fc.integer({ min: 0, max: 9 }),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        (podManagementPolicy, start, changes) => {
          const model = new Model(setOf({ podManagementPolicy, ordinals: { start } }))
          model.settle()
          for (const { replicas, version, steps } of changes) {
            const { spec } = model.set
            if (spec) model.set = { ...model.set, spec: { ...spec, replicas } }
            model.update = revision(`r${version}`)
            for (let step = 0; step < steps; step += 1) model.step()
          }
          model.settle()
          const replicas = model.set.spec?.replicas ?? 0
          const before = model.available()
          if (before !== replicas) throw new Error(`${before} of ${replicas} available`)
          model.update = revision('last')
          for (let round = 0; round < 60; round += 1) {
            model.step()
            if (model.available() < replicas - 1)
              throw new Error(`${model.available()} of ${replicas} in an update`)
          }
          if (Object.values(model.revisions()).some((name) => name !== 'last'))
            throw new Error(JSON.stringify(model.revisions()))
          const ordinals = model.pods.map((pod) => ordinalOf(model.set, pod) ?? -1).toSorted((a, b) => a - b)
          if (ordinals.some((ordinal, index) => ordinal !== start + index)) throw new Error(ordinals.join())
        },
      ),
      { numRuns: 150 },
    )
    t.pass('150 histories')
    t.end()
  },
)
