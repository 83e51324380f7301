import t from 'tap'
import type { PodSpec, Taint, TopologySpreadConstraint } from '../../api/types.ts'
import { nodeInfoOf, type NodeInfo } from '../cache/node-info.ts'
import { type PodInfo, podInfoOf } from '../cache/pod-info.ts'
import { snapshotOf } from '../cache/snapshot.ts'
import { CycleState } from '../framework/cycle-state.ts'
import { Framework } from '../framework/framework.ts'
import type { Handle } from '../framework/handle.ts'
import { Nominator } from '../queue/nominator.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { type NodeShape, nodeOf, podOf, type PodShape } from '../testing/objects.ts'
import { fakeHandle } from '../testing/fake-handle.ts'
import { imageLocality } from './image-locality.ts'
import { interPodAffinity } from './inter-pod-affinity.ts'
import { nodeAffinity } from './node-affinity.ts'
import { nodeName } from './node-name.ts'
import { nodePorts } from './node-ports.ts'
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.ts'
import { nodeResourcesFit } from './node-resources-fit.ts'
import { nodeUnschedulable } from './node-unschedulable.ts'
import { podTopologySpread } from './pod-topology-spread.ts'
import { taintToleration } from './taint-toleration.ts'
import type { Plugin } from '../framework/extension-points.ts'
import { labelSelectorFrom } from '../../api/meta/selector.ts'

type Create = (handle: Handle) => Plugin

function nodeWith(shape: NodeShape, pods: readonly PodShape[] = []): NodeInfo {
  return nodeInfoOf(
    nodeOf(shape),
    pods.map((pod) => podInfoOf(podOf({ ...pod, nodeName: shape.name }))),
  )
}

function frameworkOf(create: Create, nodes: readonly NodeInfo[], handle: Partial<Handle> = {}): Framework {
  const clock = new ManualClock()
  const nominator = new Nominator()
  const plugin = create(fakeHandle({ snapshot: () => snapshotOf(nodes), ...handle }))
  return new Framework({ plugins: [{ plugin, weight: 1 }], clock, nominator: () => nominator })
}

/** `fits`, or what the plugin says about each node. */
function verdicts(create: Create, pod: PodInfo, nodes: readonly NodeInfo[]): readonly string[] {
  const framework = frameworkOf(create, nodes)
  const state = new CycleState()
  const outcome = framework.preFilter(state, pod, nodes)
  if (outcome.kind === 'rejected') return [outcome.rejection.reasons.join()]
  return nodes.map((node) => {
    if (outcome.nodeNames?.has(node.name) === false) return 'not looked at'
    const rejection = framework.filter(state, pod, node)
    return rejection ? `${rejection.code}: ${rejection.reasons.join(', ')}` : 'fits'
  })
}

function scores(
  create: Create,
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  handle: Partial<Handle> = {},
): readonly number[] {
  return frameworkOf(create, nodes, handle)
    .score(new CycleState(), pod, nodes)
    .map(({ total }) => total)
}

function pod(shape: Partial<PodShape> & { spec?: Partial<PodSpec> } = {}): PodInfo {
  return podInfoOf(podOf({ name: 'incoming', ...shape }))
}

const noSchedule: Taint = { key: 'k', value: 'v', effect: 'NoSchedule' }

void t.test('NodeName, NodeUnschedulable and TaintToleration say what users know', (t) => {
  const here = nodeWith({ name: 'n1' })
  t.same(verdicts(nodeName, pod({ spec: { nodeName: 'n2' } }), [here]), [
    "unresolvable: node(s) didn't match the requested node name",
  ])
  const cordoned = nodeWith({ name: 'n1', unschedulable: true })
  t.same(verdicts(nodeUnschedulable, pod(), [cordoned, here]), [
    'unresolvable: node(s) were unschedulable',
    'fits',
  ])
  const tolerant = pod({ spec: { tolerations: [{ operator: 'Exists' }] } })
  t.same(verdicts(nodeUnschedulable, tolerant, [cordoned]), ['fits'])
  const tainted = nodeWith({ name: 'n1', taints: [noSchedule] })
  const bare = nodeWith({ name: 'n2', taints: [{ key: 'only-key', effect: 'NoExecute' }] })
  t.same(verdicts(taintToleration, pod(), [tainted, bare]), [
    'unresolvable: node(s) had untolerated taint {k: v}',
    'unresolvable: node(s) had untolerated taint {only-key: }',
  ])
  t.same(verdicts(taintToleration, tolerant, [tainted, bare]), ['fits', 'fits'])
  t.end()
})

void t.test('TaintToleration prefers the node with fewer untolerated soft taints', (t) => {
  const soft = (key: string): Taint => ({ key, effect: 'PreferNoSchedule' })
  const nodes = [
    nodeWith({ name: 'none' }),
    nodeWith({ name: 'one', taints: [soft('a')] }),
    nodeWith({ name: 'two', taints: [soft('a'), soft('b')] }),
  ]
  t.same(scores(taintToleration, pod(), nodes), [100, 50, 0])
  t.same(
    scores(taintToleration, pod({ spec: { tolerations: [{ key: 'b', operator: 'Exists' }] } }), nodes),
    [100, 0, 0],
  )
  t.end()
})

void t.test('NodeAffinity filters by selector and required terms and looks only at named nodes', (t) => {
  const nodes = [nodeWith({ name: 'n1', labels: { disk: 'ssd' } }), nodeWith({ name: 'n2' })]
  const refused = "unresolvable: node(s) didn't match Pod's node affinity/selector"
  t.same(verdicts(nodeAffinity, pod({ spec: { nodeSelector: { disk: 'ssd' } } }), nodes), ['fits', refused])
  const required = (terms: readonly object[]): Partial<PodSpec> => ({
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
    },
  })
  const named = { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n2'] }] }
  t.same(verdicts(nodeAffinity, pod({ spec: required([named]) }), nodes), ['not looked at', 'fits'])
  const other = {
    matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }, ...named.matchFields],
  }
  t.same(verdicts(nodeAffinity, pod({ spec: required([other]) }), nodes), ['pod affinity terms conflict'])
  t.end()
})

void t.test('NodeAffinity scores by the weights of preferred terms', (t) => {
  const prefer = (weight: number, value: string) => ({
    weight,
    preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: [value] }] },
  })
  const spec: Partial<PodSpec> = {
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [prefer(10, 'ssd'), prefer(5, 'hdd')],
      },
    },
  }
  const nodes = ['ssd', 'hdd', 'tape'].map((disk) => nodeWith({ name: disk, labels: { disk } }))
  t.same(scores(nodeAffinity, pod({ spec }), nodes), [100, 50, 0])
  t.end()
})

void t.test('NodePorts: one host port for one pod, unless address or protocol differ', (t) => {
  const nodes = [nodeWith({ name: 'n1' }, [{ name: 'a', hostPort: 80 }])]
  t.same(verdicts(nodePorts, pod({ hostPort: 80 }), nodes), [
    "unschedulable: node(s) didn't have free ports for the requested pod ports",
  ])
  t.same(verdicts(nodePorts, pod({ hostPort: 81 }), nodes), ['fits'])
  const udp = { name: 'c', ports: [{ containerPort: 80, hostPort: 80, protocol: 'UDP' }] }
  t.same(verdicts(nodePorts, pod({ spec: { containers: [udp] } }), nodes), ['fits'])
  t.end()
})

void t.test('NodeResourcesFit names everything a node is short of', (t) => {
  const full = nodeWith({ name: 'n1', cpu: '2', memory: '1Gi', pods: 1 }, [{ name: 'a', cpu: '1500m' }])
  const wanted = pod({ cpu: '1', memory: '2Gi' })
  t.same(verdicts(nodeResourcesFit, wanted, [full]), [
    'unresolvable: Too many pods, Insufficient cpu, Insufficient memory',
  ])
  t.same(
    verdicts(nodeResourcesFit, pod({ cpu: '1' }), [
      nodeWith({ name: 'n1', cpu: '1500m' }, [{ name: 'a', cpu: '600m' }]),
    ]),
    ['unschedulable: Insufficient cpu'],
  )
  const gpu = { name: 'c', resources: { requests: { 'example.com/gpu': '2' } } }
  const nodes = [
    nodeWith({ name: 'n1', extra: { 'example.com/gpu': '1' } }),
    nodeWith({ name: 'n2', extra: { 'example.com/gpu': '2' } }),
  ]
  t.same(verdicts(nodeResourcesFit, pod({ spec: { containers: [gpu] } }), nodes), [
    'unresolvable: Insufficient example.com/gpu',
    'fits',
  ])
  t.end()
})

void t.test('init containers count by their most demanding moment, sidecars all the time', (t) => {
  const container = (name: string, cpu: string, restartPolicy?: string) => ({
    name,
    restartPolicy,
    resources: { requests: { cpu } },
  })
  const spec: Partial<PodSpec> = {
    initContainers: [container('sidecar', '1', 'Always'), container('init', '3')],
    containers: [container('main', '2')],
  }
  t.equal(pod({ spec }).requests.milliCpu, 4000)
  t.end()
})

void t.test('NodeResourcesFit prefers the emptier node, and counts pods without requests', (t) => {
  const nodes = [
    nodeWith({ name: 'n1', cpu: '4', memory: '8Gi' }, [{ name: 'a', cpu: '2', memory: '4Gi' }]),
    nodeWith({ name: 'n2', cpu: '4', memory: '8Gi' }),
  ]
  t.same(scores(nodeResourcesFit, pod({ cpu: '1', memory: '2Gi' }), nodes), [25, 75])
  const quiet = [nodeWith({ name: 'n1' }, [{ name: 'a' }, { name: 'b' }]), nodeWith({ name: 'n2' })]
  const [first = 0, second = 0] = scores(nodeResourcesFit, pod(), quiet)
  t.ok(first < second)
  t.end()
})

void t.test(
  'BalancedAllocation prefers CPU and memory used alike, and is silent about pods that ask for nothing',
  (t) => {
    const nodes = [
      nodeWith({ name: 'n1', cpu: '4', memory: '8Gi' }, [{ name: 'a', cpu: '2' }]),
      nodeWith({ name: 'n2', cpu: '4', memory: '8Gi' }, [{ name: 'b', cpu: '2', memory: '4Gi' }]),
    ]
    t.same(scores(nodeResourcesBalancedAllocation, pod({ cpu: '1', memory: '2Gi' }), nodes), [75, 100])
    t.same(scores(nodeResourcesBalancedAllocation, pod(), nodes), [0, 0])
    t.end()
  },
)

void t.test('ImageLocality prefers the node that has a large image', (t) => {
  const images = [{ names: ['i:latest'], sizeBytes: 800 * 1024 * 1024 }]
  const nodes = [nodeWith({ name: 'n1', images }), nodeWith({ name: 'n2' })]
  const [has = 0, hasNot = 0] = scores(imageLocality, pod(), nodes)
  t.ok(has > 30)
  t.equal(hasNot, 0)
  t.end()
})

function spread(constraint: Partial<TopologySpreadConstraint>): Partial<PodSpec> {
  return {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'web' } },
        ...constraint,
      },
    ],
  }
}

const web = { labels: { app: 'web' } }
const zones = [
  nodeWith({ name: 'a', labels: { zone: 'a' } }, [
    { name: 'w1', ...web },
    { name: 'w2', ...web },
  ]),
  nodeWith({ name: 'b', labels: { zone: 'b' } }, [{ name: 'w3', ...web }]),
  nodeWith({ name: 'none' }),
]

void t.test('PodTopologySpread keeps the skew within bounds and asks for the label', (t) => {
  const skew = "unschedulable: node(s) didn't match pod topology spread constraints"
  const label = "unresolvable: node(s) didn't match pod topology spread constraints (missing required label)"
  t.same(verdicts(podTopologySpread, pod({ ...web, spec: spread({}) }), zones), [skew, 'fits', label])
  t.same(verdicts(podTopologySpread, pod({ ...web, spec: spread({ maxSkew: 2 }) }), zones), [
    'fits',
    'fits',
    label,
  ])
  const tooFew = spread({ minDomains: 3, maxSkew: 2 })
  t.same(verdicts(podTopologySpread, pod({ ...web, spec: tooFew }), zones), [skew, 'fits', label])
  t.end()
})

void t.test('PodTopologySpread follows pods that are tried out for preemption', (t) => {
  const framework = frameworkOf(podTopologySpread, zones)
  const incoming = pod({ ...web, spec: spread({}) })
  const state = new CycleState()
  framework.preFilter(state, incoming, zones)
  const [nodeA] = zones
  const victim = nodeA?.pods[0]
  if (nodeA === undefined || victim === undefined) throw new Error('no victim')
  const trial = state.clone()
  framework.adjust(trial, incoming, { kind: 'removed', other: victim, node: nodeA })
  t.equal(framework.filter(trial, incoming, nodeA), undefined)
  t.not(framework.filter(state, incoming, nodeA), undefined, 'the state it was cloned from is untouched')
  t.end()
})

void t.test('PodTopologySpread scores the emptier domain higher, also by the system defaults', (t) => {
  const soft = pod({ ...web, spec: spread({ whenUnsatisfiable: 'ScheduleAnyway' }) })
  const [a = 0, b = 0, none = 0] = scores(podTopologySpread, soft, zones)
  t.ok(b > a)
  t.equal(none, 0)
  const listers = {
    ...fakeHandle({}).listers,
    defaultSelector: () => labelSelectorFrom({ matchLabels: { app: 'web' } }),
  }
  const byDefault = scores(podTopologySpread, pod(web), zones, { listers })
  t.ok((byDefault[2] ?? 0) > (byDefault[1] ?? 0) && (byDefault[1] ?? 0) > (byDefault[0] ?? 0))
  t.end()
})

function affinity(kind: 'podAffinity' | 'podAntiAffinity', app: string, more: object = {}): Partial<PodSpec> {
  const term = { topologyKey: 'zone', labelSelector: { matchLabels: { app } }, ...more }
  return { affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } }
}

void t.test('InterPodAffinity: with those it wants, away from those it shuns, in whole domains', (t) => {
  const inA = (name: string, pods: readonly PodShape[] = []) =>
    nodeWith({ name, labels: { zone: 'a' } }, pods)
  const inB = (name: string, pods: readonly PodShape[] = []) =>
    nodeWith({ name, labels: { zone: 'b' } }, pods)
  const nodes = [
    inA('a1', [{ name: 'db', labels: { app: 'db' } }]),
    inA('a2'),
    inB('b1'),
    nodeWith({ name: 'none' }),
  ]
  const unmet = "unresolvable: node(s) didn't match pod affinity rules"
  const shunned = "unschedulable: node(s) didn't match pod anti-affinity rules"
  t.same(verdicts(interPodAffinity, pod({ spec: affinity('podAffinity', 'db') }), nodes), [
    'fits',
    'fits',
    unmet,
    unmet,
  ])
  t.same(verdicts(interPodAffinity, pod({ spec: affinity('podAntiAffinity', 'db') }), nodes), [
    shunned,
    shunned,
    'fits',
    'fits',
  ])
  t.same(verdicts(interPodAffinity, pod({ spec: affinity('podAffinity', 'nobody') }), nodes), [
    unmet,
    unmet,
    unmet,
    unmet,
  ])
  const first = pod({ labels: { app: 'new' }, spec: affinity('podAffinity', 'new') })
  t.same(
    verdicts(interPodAffinity, first, nodes),
    ['fits', 'fits', 'fits', unmet],
    'the first of a group goes anywhere',
  )
  t.end()
})

void t.test('InterPodAffinity: pods that are there keep away those that they shun', (t) => {
  const loner = { name: 'loner', labels: { app: 'x' }, spec: affinity('podAntiAffinity', 'web') }
  const nodes = [
    nodeWith({ name: 'a', labels: { zone: 'a' } }, [loner]),
    nodeWith({ name: 'b', labels: { zone: 'b' } }),
  ]
  const kept = "unschedulable: node(s) didn't satisfy existing pods anti-affinity rules"
  t.same(verdicts(interPodAffinity, pod(web), nodes), [kept, 'fits'])
  t.same(verdicts(interPodAffinity, pod(), nodes), ['fits', 'fits'])
  t.same(
    verdicts(interPodAffinity, pod({ ...web, namespace: 'other' }), nodes),
    ['fits', 'fits'],
    'only in its namespace',
  )
  t.end()
})

void t.test('InterPodAffinity: namespaces by name, by label, and all', (t) => {
  const nodes = [
    nodeWith({ name: 'a', labels: { zone: 'a' } }, [
      { name: 'db', namespace: 'prod', labels: { app: 'db' } },
    ]),
  ]
  const fits = (more: object) =>
    verdicts(interPodAffinity, pod({ spec: affinity('podAffinity', 'db', more) }), nodes)[0] === 'fits'
  t.same([fits({}), fits({ namespaces: ['prod'] }), fits({ namespaceSelector: {} })], [false, true, true])
  t.equal(fits({ namespaceSelector: { matchLabels: { tier: 'x' } } }), false)
  t.end()
})

void t.test('InterPodAffinity: a victim that is tried out no longer shuns', (t) => {
  const loner = { name: 'loner', labels: { app: 'x' }, spec: affinity('podAntiAffinity', 'web') }
  const node = nodeWith({ name: 'a', labels: { zone: 'a' } }, [loner])
  const framework = frameworkOf(interPodAffinity, [node])
  const state = new CycleState()
  framework.preFilter(state, pod(web), [node])
  const [other] = node.pods
  if (other === undefined) throw new Error('no pod')
  const trial = state.clone()
  framework.adjust(trial, pod(web), { kind: 'removed', other, node })
  t.equal(framework.filter(trial, pod(web), node), undefined)
  t.not(framework.filter(state, pod(web), node), undefined)
  t.end()
})

void t.test('InterPodAffinity: preferences of both sides count', (t) => {
  const prefer = (kind: 'podAffinity' | 'podAntiAffinity', app: string): Partial<PodSpec> => ({
    affinity: {
      [kind]: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 10, podAffinityTerm: { topologyKey: 'zone', labelSelector: { matchLabels: { app } } } },
        ],
      },
    },
  })
  const nodes = [
    nodeWith({ name: 'a', labels: { zone: 'a' } }, [{ name: 'db', labels: { app: 'db' } }]),
    nodeWith({ name: 'b', labels: { zone: 'b' } }, [
      { name: 'grump', spec: prefer('podAntiAffinity', 'web') },
    ]),
    nodeWith({ name: 'c', labels: { zone: 'c' } }),
  ]
  t.same(scores(interPodAffinity, pod({ spec: prefer('podAffinity', 'db') }), nodes), [100, 0, 0])
  t.same(scores(interPodAffinity, pod({ spec: prefer('podAntiAffinity', 'db') }), nodes), [0, 100, 100])
  t.same(scores(interPodAffinity, pod(web), nodes), [100, 0, 100])
  t.same(scores(interPodAffinity, pod(), nodes), [0, 0, 0])
  t.end()
})

void t.test(
  'InterPodAffinity: only a pod that is wanted and comes, or was shunned and goes, is worth a try',
  (t) => {
    const [hint] = interPodAffinity(fakeHandle({})).hints ?? []
    const worth = (incoming: PodInfo, action: 'add' | 'delete', other: PodShape) => {
      const object = podOf(other)
      const side = action === 'add' ? { next: object } : { previous: object }
      return hint?.isWorthTrying?.(incoming, { resource: 'assignedPod', action, ...side })
    }
    const db = { name: 'db', labels: { app: 'db' } }
    const wants = pod({ spec: affinity('podAffinity', 'db') })
    t.same(
      [worth(wants, 'add', db), worth(wants, 'delete', db), worth(wants, 'add', { name: 'x' })],
      [true, false, false],
    )
    const shuns = pod({ spec: affinity('podAntiAffinity', 'db') })
    t.same(
      [worth(shuns, 'add', db), worth(shuns, 'delete', db), worth(shuns, 'delete', { name: 'x' })],
      [false, true, false],
    )
    const loner = { name: 'loner', spec: affinity('podAntiAffinity', 'web') }
    t.same([worth(pod(web), 'delete', loner), worth(pod(web), 'add', loner)], [true, false])
    t.end()
  },
)
