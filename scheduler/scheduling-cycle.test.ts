import t from 'tap'
import { seededRandom } from '../platform/random.ts'
import { nodeInfoOf } from './cache/node-info.ts'
import { podInfoOf } from './cache/pod-info.ts'
import { snapshotOf } from './cache/snapshot.ts'
import { CycleState } from './framework/cycle-state.ts'
import type { Plugin } from './framework/extension-points.ts'
import { Framework } from './framework/framework.ts'
import { unschedulable } from './framework/rejection.ts'
import { Nominator } from './queue/nominator.ts'
import { chooseNode, nodesToFind, type Rotation } from './scheduling-cycle.ts'
import { ManualClock } from './testing/manual-clock.ts'
import { nodeOf, podOf } from './testing/objects.ts'

const nominator = new Nominator()

function choose(
  plugins: readonly Plugin[],
  nodes: number,
  options: { rotation?: Rotation; nominated?: string; seed?: bigint } = {},
) {
  const looked: string[] = []
  const watcher: Plugin = {
    name: 'watcher',
    filter: (_state, _pod, node) => {
      looked.push(node.name)
      return undefined
    },
  }
  const framework = new Framework({
    plugins: [watcher, ...plugins].map((plugin) => ({ plugin, weight: 1 })),
    clock: new ManualClock(),
    nominator: () => nominator,
  })
  const pod = podOf({ name: 'p' })
  const choice = chooseNode({
    framework,
    state: new CycleState(),
    pod: podInfoOf({ ...pod, status: { nominatedNodeName: options.nominated } }),
    snapshot: snapshotOf(
      Array.from({ length: nodes }, (_, index) => nodeInfoOf(nodeOf({ name: `n${index}` }))),
    ),
    rotation: options.rotation ?? { nextIndex: 0 },
    random: seededRandom(options.seed ?? 1n),
  })
  return { choice, looked }
}

void t.test('of few nodes all are looked at, of many a part', (t) => {
  t.same([1, 99, 100, 250, 1000, 5000, 20_000].map(nodesToFind), [1, 99, 100, 120, 420, 500, 1000])
  t.end()
})

void t.test('each cycle starts where the last one ended, so that every node gets its turn', (t) => {
  const rotation = { nextIndex: 0 }
  const seen = new Set<string>()
  for (let cycle = 0; cycle < 3; cycle += 1)
    for (const name of choose([], 240, { rotation }).looked) seen.add(name)
  t.equal(seen.size, 240)
  t.equal(choose([], 240, { rotation }).looked[0], 'n111')
  t.end()
})

void t.test('of equally good nodes each has its chance, of unequal ones the best wins', (t) => {
  const winners = new Map<string, number>()
  for (let seed = 0n; seed < 300n; seed += 1n) {
    const { choice } = choose([], 3, { seed })
    const name = choice.kind === 'node' ? choice.nodeName : ''
    winners.set(name, (winners.get(name) ?? 0) + 1)
  }
  t.equal(winners.size, 3)
  for (const count of winners.values()) t.ok(count > 60)
  const best: Plugin = { name: 'best', score: (_state, _pod, node) => (node.name === 'n2' ? 100 : 0) }
  t.match(choose([best], 3).choice, { kind: 'node', nodeName: 'n2', evaluated: 3, feasible: 3 })
  t.end()
})

void t.test('a nominated node that still fits is taken without looking at others', (t) => {
  const { choice, looked } = choose([], 5, { nominated: 'n3' })
  t.match(choice, { kind: 'node', nodeName: 'n3' })
  t.same(looked, ['n3'])
  const closed: Plugin = {
    name: 'closed',
    filter: (_s, _p, node) => (node.name === 'n3' ? unschedulable('closed', 'no') : undefined),
  }
  t.match(choose([closed], 5, { nominated: 'n3' }).choice, { kind: 'node', nodeName: /n[0124]/ })
  t.end()
})

void t.test(
  'only nodes that preFilter names are looked at, and the text says who left the others out',
  (t) => {
    const narrow: Plugin = {
      name: 'only',
      preFilter: () => ({ kind: 'only', nodeNames: new Set(['n1']) }),
      filter: () => unschedulable('only', 'too full'),
    }
    const { choice, looked } = choose([narrow], 4)
    t.same(looked, ['n1'])
    if (choice.kind !== 'unfit') throw new Error('it fits')
    t.equal(choice.diagnosis.rejections.size, 1)
    t.same(choice.diagnosis.absentRejection?.reasons, ["node(s) didn't satisfy plugin(s) [only]"])
    t.end()
  },
)
