import t from 'tap'
import { epochMs, nodeOf } from '../testing/objects.ts'
import {
  earnedNoExecute,
  evictionRate,
  graceMs,
  isSilent,
  nextHealth,
  nextTaints,
  silentConditions,
  startupGraceMs,
  unreachableTaint,
  zoneState,
} from './plan.ts'

const now = '2026-01-01T00:01:00Z'
const lease = (renewTime: string) => ({ apiVersion: 'v1', kind: 'Lease', metadata: {}, spec: { renewTime } })

t.test('a changed Lease is a sign of life, an unchanged one is not', (t) => {
  const node = nodeOf('n1')
  const first = nextHealth(undefined, { node, lease: lease('a'), monotonicMs: 0 })
  const same = nextHealth(first, { node, lease: lease('a'), monotonicMs: 30_000 })
  t.equal(same.seenMs, 0)
  t.notOk(isSilent(node, same, graceMs))
  t.ok(isSilent(node, same, graceMs + 1))
  t.equal(nextHealth(same, { node, lease: lease('b'), monotonicMs: 40_000 }).seenMs, 40_000)
  const fresh = { ...node, status: {} }
  t.notOk(isSilent(fresh, same, startupGraceMs))
  t.end()
})

t.test('the conditions of a silent node become Unknown once', (t) => {
  const node = nodeOf('n1')
  const conditions = silentConditions(node, now)
  t.match(
    conditions.find(({ type }) => type === 'Ready'),
    {
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    },
  )
  const silent = { ...node, status: { conditions } }
  t.equal(silentConditions(silent, now), conditions)
  t.equal(earnedNoExecute(silent), unreachableTaint)
  t.end()
})

t.test('our taints follow the conditions and those of others stay', (t) => {
  const foreign = { key: 'team', value: 'a', effect: 'NoSchedule' }
  const node = nodeOf('n1', { ready: 'Unknown', taints: { unschedulable: true, taints: [foreign] } })
  const taints = nextTaints(node, { noExecute: unreachableTaint, now })
  t.same(
    taints.map(({ key, effect }) => `${key}:${effect}`),
    [
      'team:NoSchedule',
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ],
  )
  const tainted = { ...node, spec: { ...node.spec, taints } }
  t.equal(nextTaints(tainted, { noExecute: unreachableTaint, now }), taints)
  const healed = { ...nodeOf('n1'), spec: { taints } }
  t.same(nextTaints(healed, { noExecute: undefined, now }), [foreign])
  t.end()
})

t.test('a zone that is down as a whole is told from one with many dead nodes', (t) => {
  const zone = (down: number, up: number) => [
    ...Array.from({ length: down }, (_, index) => nodeOf(`d${index}`, { ready: 'Unknown' })),
    ...Array.from({ length: up }, (_, index) => nodeOf(`u${index}`)),
  ]
  t.equal(zoneState(zone(0, 3)), 'Normal')
  t.equal(zoneState(zone(2, 1)), 'Normal')
  t.equal(zoneState(zone(3, 2)), 'PartialDisruption')
  t.equal(zoneState(zone(3, 0)), 'FullDisruption')
  t.equal(evictionRate('Normal', 5), 0.1)
  t.equal(evictionRate('PartialDisruption', 5), 0)
  t.equal(evictionRate('PartialDisruption', 60), 0.01)
  t.ok(epochMs > 0)
  t.end()
})
