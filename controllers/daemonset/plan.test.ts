import fc from 'fast-check'
import t from 'tap'
import { daemonSets } from '../../api/apps/daemon-set.ts'
import type { DaemonSet, Node, Pod } from '../../api/types.ts'
import { epochMs, nodeOf, podOf } from '../testing/objects.ts'
import { daemonPod, fitOf, targetNode } from './node-fit.ts'
import { planDaemonSet } from './plan.ts'

function setOf(
  rollingUpdate: { maxSurge?: number | string; maxUnavailable?: number | string } = {},
): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'default', uid: 'uid-agent', generation: 1 },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c' }] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate },
    },
  }
}

const tainted = (name: string, key: string, effect: string): Node =>
  nodeOf(name, { taints: { taints: [{ key, effect }] } })

t.test('a node wants a pod by name, labels and taints, and keeps one that only may not come', (t) => {
  const set = setOf()
  t.same(fitOf(set, nodeOf('n1')), { shouldRun: true, mayStay: true })
  t.same(fitOf(set, tainted('n1', 'team', 'NoSchedule')), { shouldRun: false, mayStay: true })
  t.same(fitOf(set, tainted('n1', 'team', 'NoExecute')), { shouldRun: false, mayStay: false })
  for (const key of ['unschedulable', 'memory-pressure']) {
    t.ok(fitOf(set, tainted('n1', `node.kubernetes.io/${key}`, 'NoSchedule')).shouldRun)
  }
  t.ok(fitOf(set, tainted('n1', 'node.kubernetes.io/unreachable', 'NoExecute')).shouldRun)
  const picky: DaemonSet = {
    ...set,
    spec: {
      ...(set.spec ?? { selector: {}, template: {} }),
      template: { spec: { containers: [], nodeSelector: { disk: 'ssd' } } },
    },
  }
  t.notOk(fitOf(picky, nodeOf('n1')).shouldRun)
  t.end()
})

t.test('a pod is sent to its node by affinity and carries the hash of its revision', (t) => {
  const pod = daemonPod(setOf(), { nodeName: 'n7', hash: 'h1' })
  t.equal(targetNode(pod), 'n7')
  t.equal(pod.metadata.labels?.['controller-revision-hash'], 'h1')
  t.ok(pod.spec?.tolerations?.some(({ key }) => key === 'node.kubernetes.io/unschedulable'))
  t.end()
})

/** Nodes, and a stand-in for kubelets: every pod runs after a step and goes in the next. */
class Model {
  pods: Pod[] = []
  nodes: readonly Node[]
  hash = 'h1'
  #born = 0
  readonly set: DaemonSet
  constructor(set: DaemonSet, nodes: readonly Node[]) {
    this.set = set
    this.nodes = nodes
  }

  plan() {
    const { set, nodes, pods, hash } = this
    return planDaemonSet({ set, nodes, pods, hash, nowMs: epochMs + 1000, mayReplaceFailed: () => true })
  }

  step(): boolean {
    const plan = this.plan()
    this.pods = this.pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    this.pods = this.pods.map((pod) => ({ ...pod, status: podOf({ name: 'x' }).status }))
    const gone = new Set(plan.delete.map(({ metadata }) => metadata.uid))
    this.pods = this.pods.map((pod) =>
      gone.has(pod.metadata.uid)
        ? { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
        : pod,
    )
    for (const nodeName of plan.create) {
      this.#born += 1
      this.pods.push(
        podOf({
          name: `agent-${this.#born}`,
          phase: 'Pending',
          nodeName,
          labels: { 'controller-revision-hash': this.hash },
          owner: { object: this.set, resource: daemonSets },
        }),
      )
    }
    return plan.create.length + plan.delete.length > 0
  }

  settle(): void {
    for (let round = 0; round < 100; round += 1) {
      const isChanged = this.step()
      const isMoving = this.pods.some(
        ({ metadata, status }) => metadata.deletionTimestamp !== undefined || status?.phase === 'Pending',
      )
      if (!isChanged && !isMoving) return
    }
    throw new Error('no end after 100 rounds')
  }

  available(): number {
    return new Set(
      this.pods
        .filter(
          ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase === 'Running',
        )
        .map(targetNode),
    ).size
  }
}

const nodesOf = (count: number) => Array.from({ length: count }, (_, index) => nodeOf(`n${index}`))

t.test('each node gets one pod, a new node too, and a node that went loses its own', (t) => {
  const model = new Model(setOf(), nodesOf(3))
  model.settle()
  t.same(model.pods.map(targetNode), ['n0', 'n1', 'n2'])
  model.nodes = nodesOf(4)
  model.settle()
  t.equal(model.pods.length, 4)
  t.match(model.plan().status, {
    desiredNumberScheduled: 4,
    numberAvailable: 4,
    updatedNumberScheduled: 4,
    numberUnavailable: 0,
  })
  t.end()
})

t.test('a second pod on a node is removed, the older one stays', (t) => {
  const model = new Model(setOf(), nodesOf(1))
  model.settle()
  const [first] = model.pods
  model.pods.push(
    podOf({ name: 'twin', nodeName: 'n0', createdMs: epochMs + 500, labels: first?.metadata.labels ?? {} }),
  )
  t.same(
    model.plan().delete.map(({ metadata }) => metadata.name),
    ['twin'],
  )
  t.end()
})

t.test('a failed pod is replaced, and reported', (t) => {
  const model = new Model(setOf(), nodesOf(1))
  model.pods = [podOf({ name: 'bad', phase: 'Failed', nodeName: 'n0' })]
  const plan = model.plan()
  t.same(
    plan.delete.map(({ metadata }) => metadata.name),
    ['bad'],
  )
  t.match(plan.failed, [{ nodeName: 'n0' }])
  t.end()
})

t.test('a rollout reaches every node and never leaves more than maxUnavailable without a pod', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom('20%', '50%', '100%')),
      (count, maxUnavailable) => {
        const model = new Model(setOf({ maxUnavailable }), nodesOf(count))
        model.settle()
        model.hash = 'h2'
        const limit =
          typeof maxUnavailable === 'number'
            ? maxUnavailable
            : Math.ceil((count * Number.parseInt(maxUnavailable, 10)) / 100)
        for (let round = 0; round < 60; round += 1) {
          model.step()
          if (count - model.available() > limit)
            throw new Error(`${model.available()} of ${count} with ${limit}`)
        }
        const { status } = model.plan()
        if (status.updatedNumberScheduled !== count || status.numberAvailable !== count)
          throw new Error(JSON.stringify(status))
        if (model.pods.length !== count) throw new Error(`${model.pods.length} pods`)
      },
    ),
    { numRuns: 100 },
  )
  t.pass('100 rollouts')
  t.end()
})

t.test('with surge every node keeps a pod all the while', (t) => {
  const model = new Model(setOf({ maxSurge: 2, maxUnavailable: 0 }), nodesOf(5))
  model.settle()
  model.hash = 'h2'
  for (let round = 0; round < 40; round += 1) {
    model.step()
    t.equal(model.available(), 5)
  }
  t.equal(model.plan().status.updatedNumberScheduled, 5)
  t.equal(model.pods.length, 5)
  t.end()
})
