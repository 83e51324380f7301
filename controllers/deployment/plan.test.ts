import fc from 'fast-check'
import t from 'tap'
import { findCondition } from '../../api/meta/conditions.ts'
import type { Deployment, DeploymentSpec } from '../../api/types.ts'
import { deploymentOf, epochMs } from '../testing/objects.ts'
import { fenceposts, sizeOf } from './draft.ts'
import { DeploymentModel } from './deployment.fixture.ts'
import { planDeployment } from './plan.ts'
import { revisionOf } from './revision.ts'

t.test('the first plan creates the set with its hash, revision and owner', (t) => {
  const deployment = deploymentOf('web')
  const plan = planDeployment({ deployment, replicaSets: [], hasRunningPods: () => false, nowMs: epochMs })
  const [create, annotate] = plan.actions
  t.match(create, { type: 'create-replica-set', replicaSet: { spec: { replicas: 3 } } })
  t.match(annotate, { type: 'annotate', annotations: { 'deployment.kubernetes.io/revision': '1' } })
  const set = create?.type === 'create-replica-set' ? create.replicaSet : undefined
  const hash = set?.metadata.labels?.['pod-template-hash']
  t.equal(set?.metadata.name, `web-${hash}`)
  t.equal(set?.spec?.selector.matchLabels?.['pod-template-hash'], hash)
  t.match(set?.metadata.ownerReferences, [{ kind: 'Deployment', name: 'web', controller: true }])
  t.match(findCondition(plan.status.conditions, 'Progressing'), { reason: 'NewReplicaSetCreated' })
  t.end()
})

t.test('a rollout ends with one set, the condition that kubectl waits for, and revisions counted up', (t) => {
  const model = new DeploymentModel(deploymentOf('web'))
  model.settle()
  model.setImage('web:2')
  model.settle()
  t.same(model.sizes(), { 'web:1': 0, 'web:2': 3 })
  t.match(findCondition(model.deployment.status?.conditions, 'Progressing'), {
    status: 'True',
    reason: 'NewReplicaSetAvailable',
  })
  t.match(findCondition(model.deployment.status?.conditions, 'Available'), { status: 'True' })
  t.equal(model.deployment.metadata.annotations?.['deployment.kubernetes.io/revision'], '2')
  t.end()
})

t.test('going back to an old template reuses its set under the next revision', (t) => {
  const model = new DeploymentModel(deploymentOf('web'))
  model.settle()
  const first = model.setOf('web:1')
  model.setImage('web:2')
  model.settle()
  model.setImage('web:1')
  model.settle()
  const again = model.setOf('web:1')
  t.equal(again?.metadata.name, first?.metadata.name)
  t.equal(again && revisionOf(again), 3)
  t.equal(again?.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1')
  t.same(model.sizes(), { 'web:1': 3, 'web:2': 0 })
  t.end()
})

t.test('a paused deployment is scaled but not rolled out, and goes on when resumed', (t) => {
  const model = new DeploymentModel(deploymentOf('web'))
  model.settle()
  model.change({ paused: true })
  model.setImage('web:2')
  model.change({ replicas: 5 })
  model.settle()
  t.same(model.sizes(), { 'web:1': 5 })
  t.match(findCondition(model.deployment.status?.conditions, 'Progressing'), { reason: 'DeploymentPaused' })
  model.change({ paused: false })
  model.settle()
  t.same(model.sizes(), { 'web:1': 0, 'web:2': 5 })
  t.end()
})

t.test('Recreate starts no new pod before the last old one is gone', (t) => {
  const model = new DeploymentModel(deploymentOf('web', { strategy: { type: 'Recreate' } }))
  model.settle()
  model.holdsTerminating = true
  model.setImage('web:2')
  model.settle()
  t.same(model.sizes(), { 'web:1': 0 })
  model.holdsTerminating = false
  model.settle()
  t.same(model.sizes(), { 'web:1': 0, 'web:2': 3 })
  t.end()
})

t.test('a scale in the middle of a rollout is shared in proportion', (t) => {
  const rollingUpdate = { maxSurge: 3, maxUnavailable: 2 }
  const model = new DeploymentModel(
    deploymentOf('web', { replicas: 10, strategy: { type: 'RollingUpdate', rollingUpdate } }),
  )
  model.settle()
  model.brokenImages.add('web:2')
  model.setImage('web:2')
  model.settle()
  t.same(model.sizes(), { 'web:1': 8, 'web:2': 5 })
  model.change({ replicas: 15 })
  model.step()
  t.same(model.sizes(), { 'web:1': 11, 'web:2': 7 })
  t.end()
})

t.test('a rollout that stands still is reported when its deadline has passed', (t) => {
  const model = new DeploymentModel(deploymentOf('web', { progressDeadlineSeconds: 60 }))
  model.settle()
  model.brokenImages.add('web:2')
  model.setImage('web:2')
  model.settle()
  t.match(model.lastPlan?.requeueAfterMs, Number)
  model.nowMs += 70_000
  model.settle()
  t.match(findCondition(model.deployment.status?.conditions, 'Progressing'), {
    status: 'False',
    reason: 'ProgressDeadlineExceeded',
    message: /^ReplicaSet "web-.*" has timed out progressing\.$/,
  })
  t.end()
})

t.test('old revisions beyond the limit are deleted, oldest first, and only when empty', (t) => {
  const model = new DeploymentModel(deploymentOf('web', { revisionHistoryLimit: 2 }))
  for (const image of ['web:1', 'web:2', 'web:3', 'web:4', 'web:5']) {
    model.setImage(image)
    model.settle()
  }
  t.same(model.sizes(), { 'web:3': 0, 'web:4': 0, 'web:5': 3 })
  t.end()
})

const bound = fc.oneof(
  fc.integer({ min: 0, max: 6 }),
  fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%`),
)
const event = fc.oneof(
  fc.record({ type: fc.constant('image' as const), image: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ type: fc.constant('replicas' as const), replicas: fc.integer({ min: 0, max: 12 }) }),
  fc.record({ type: fc.constant('pods' as const), count: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ type: fc.constant('unready' as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ type: fc.constant('step' as const) }),
)

/**
 * What a step of the controller may never do, whatever happened before. A step that follows a change of
 * `replicas` shares the change out over all ReplicaSets in proportion, as upstream does, without regard to
 * which of their pods are available: `maxUnavailable` binds the steps of a rollout only.
 */
function checkStep(
  model: DeploymentModel,
  before: { total: number; available: number },
  isScaling: boolean,
): void {
  const { maxSurge, maxUnavailable } = fenceposts(model.deployment)
  const replicas = model.deployment.spec?.replicas ?? 1
  const total = model.replicaSets.reduce((sum, set) => sum + sizeOf(set), 0)
  if (total > Math.max(before.total, replicas + maxSurge)) {
    throw new Error(`${total} pods wanted, from ${before.total}, with ${replicas} + ${maxSurge} allowed`)
  }
  const kept = model.availableWithin()
  if (!isScaling && kept < Math.min(before.available, replicas - maxUnavailable)) {
    throw new Error(
      `${kept} available left of ${before.available}, with ${replicas} - ${maxUnavailable} demanded`,
    )
  }
}

t.test('no step goes beyond maxSurge or below maxUnavailable, and every rollout converges', (t) => {
  fc.assert(
    fc.property(
      fc.record({ maxSurge: bound, maxUnavailable: bound, replicas: fc.integer({ min: 0, max: 12 }) }),
      fc.array(event, { maxLength: 40 }),
      ({ maxSurge, maxUnavailable, replicas }, events) => {
        const spec: Partial<DeploymentSpec> = {
          replicas,
          strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
        }
        const model = new DeploymentModel(deploymentOf('web', spec))
        for (const each of events) {
          if (each.type === 'image') model.setImage(`web:${each.image}`)
          if (each.type === 'replicas') model.change({ replicas: each.replicas })
          if (each.type === 'pods') model.makeReady(each.count)
          if (each.type === 'unready') model.makeUnready(each.count)
          const before = model.totals()
          model.planOnce()
          checkStep(model, before, each.type === 'replicas')
          model.followSizes()
        }
        model.settle()
        const image = model.image()
        const wanted = model.deployment.spec?.replicas ?? 1
        for (const [name, size] of Object.entries(model.sizes())) {
          if (size !== (name === image ? wanted : 0))
            throw new Error(`did not converge: ${JSON.stringify(model.sizes())}`)
        }
        const { status } = model.deployment satisfies Deployment
        if (status?.availableReplicas !== wanted || status.updatedReplicas !== wanted) {
          throw new Error(`status did not converge: ${JSON.stringify(status)}`)
        }
      },
    ),
    { numRuns: 400 },
  )
  t.pass('400 schedules')
  t.end()
})

/** A deployment in the middle of a rollout: sets by image, each with a size and available pods. */
function midway(
  replicas: number,
  sets: Readonly<Record<string, readonly [size: number, available: number]>>,
) {
  const rollingUpdate = { maxSurge: 3, maxUnavailable: 2 }
  const model = new DeploymentModel(
    deploymentOf('web', { replicas: 1, strategy: { type: 'RollingUpdate', rollingUpdate } }),
  )
  for (const image of Object.keys(sets)) {
    model.setImage(image)
    model.settle()
  }
  model.change({ replicas })
  model.force(sets)
  return model
}

t.test(
  'old pods that are not available go first, but not while the new ones use up what may be missing',
  (t) => {
    const healthyNew = midway(10, { 'web:1': [10, 8], 'web:2': [0, 0] })
    healthyNew.makeSized()
    healthyNew.planOnce()
    t.match(healthyNew.sizes(), { 'web:2': 3 })
    const cleaned = midway(10, { 'web:1': [10, 8], 'web:2': [3, 0] })
    cleaned.makeSized()
    cleaned.planOnce()
    t.match(cleaned.sizes(), { 'web:1': 8, 'web:2': 3 }, 'the two that are not available')
    const waiting = midway(10, { 'web:1': [8, 6], 'web:2': [5, 0] })
    waiting.makeSized()
    waiting.planOnce()
    t.match(waiting.sizes(), { 'web:1': 8, 'web:2': 5 }, 'nothing: 13 - 8 - 5 = 0')
    t.end()
  },
)

t.test('a scale that is shared comes out at replicas and surge exactly, whatever is rounded', (t) => {
  const size = fc.integer({ min: 1, max: 20 })
  fc.assert(
    fc.property(size, size, size, fc.integer({ min: 0, max: 60 }), (a, b, c, replicas) => {
      const model = midway(1, { 'web:1': [a, 0], 'web:2': [b, 0], 'web:3': [c, 0] })
      model.makeSized(a + b + c)
      model.change({ replicas })
      model.planOnce()
      const { maxSurge } = fenceposts(model.deployment)
      const total = model.totals().total
      const wanted = replicas === 0 ? 0 : replicas + maxSurge
      const isUnscaled = replicas === a + b + c - 3
      if (!isUnscaled && total !== wanted) throw new Error(`${JSON.stringify(model.sizes())} for ${wanted}`)
    }),
    { numRuns: 300 },
  )
  t.pass('300 scales')
  t.end()
})
