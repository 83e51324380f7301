import fc from 'fast-check'
import t from 'tap'
import { epochMs, podOf } from '../testing/objects.ts'
import { rankForDeletion } from './pod-ranking.ts'

const nowMs = epochMs + 10_000_000
const names = (pods: readonly { metadata: { name?: string | undefined } }[]) =>
  pods.map(({ metadata }) => metadata.name)

t.test('the first pods to go are those that are missed least', (t) => {
  const ordered = [
    podOf({ name: 'unscheduled', phase: 'Pending' }),
    podOf({ name: 'pending', phase: 'Pending', nodeName: 'n1' }),
    podOf({ name: 'unknown', phase: 'Unknown', nodeName: 'n1' }),
    podOf({ name: 'unready', ready: false, nodeName: 'n1' }),
    podOf({
      name: 'cheap',
      nodeName: 'n1',
      annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' },
    }),
    podOf({ name: 'crowded', nodeName: 'n1' }),
    podOf({ name: 'fresh', nodeName: 'n2', readySinceMs: nowMs - 2000 }),
    podOf({ name: 'restarted', nodeName: 'n2', restarts: 4 }),
    podOf({ name: 'young', nodeName: 'n2', createdMs: nowMs - 5000, readySinceMs: epochMs }),
    podOf({ name: 'old', nodeName: 'n2' }),
  ]
  t.same(names(rankForDeletion([...ordered].reverse(), ordered, nowMs)), names(ordered))
  t.end()
})

t.test('the order is total: it does not depend on the order of arrival', (t) => {
  const pod = fc.record({
    phase: fc.constantFrom('Pending', 'Running', 'Unknown'),
    ready: fc.boolean(),
    nodeName: fc.constantFrom(undefined, 'n1', 'n2'),
    cost: fc.constantFrom('0', '3', '-1', 'x'),
    age: fc.integer({ min: 0, max: 100_000 }),
    readyAge: fc.integer({ min: 0, max: 100_000 }),
    restarts: fc.integer({ min: 0, max: 2 }),
  })
  fc.assert(
    fc.property(fc.array(pod, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (facts, draws) => {
      const pods = facts.map((fact, index) =>
        podOf({
          ...fact,
          name: `p${index}`,
          createdMs: nowMs - fact.age * 1000,
          readySinceMs: nowMs - fact.readyAge * 1000,
          annotations: { 'controller.kubernetes.io/pod-deletion-cost': fact.cost },
        }),
      )
      const shuffled = pods
        .map((each) => ({ each, key: draws.next().value }))
        .sort((a, b) => Number(a.key) - Number(b.key))
        .map(({ each }) => each)
      t.same(names(rankForDeletion(shuffled, pods, nowMs)), names(rankForDeletion(pods, pods, nowMs)))
    }),
    { numRuns: 300 },
  )
  t.end()
})
