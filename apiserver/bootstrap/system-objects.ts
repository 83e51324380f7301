/** Namespaces, priority classes and flow control objects that a fresh cluster has. */
import type { KubeObject } from '../../api/kind.ts'
import { asObject } from '../storage/parse.ts'

/** The namespaces that the system needs. */
const systemNamespaces: readonly string[] = ['default', 'kube-node-lease', 'kube-public', 'kube-system']

/** The namespaces' objects. */
export function namespaceObjects(): readonly KubeObject[] {
  return systemNamespaces.map((name) => asObject({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }))
}

/** `system-cluster-critical`, `system-node-critical`. */
export function priorityClassObjects(): readonly KubeObject[] {
  const classes = [
    {
      name: 'system-cluster-critical',
      value: 2_000_000_000,
      description:
        'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
    },
    {
      name: 'system-node-critical',
      value: 2_000_001_000,
      description: 'Used for system critical pods that must not be moved from their current node.',
    },
  ]
  return classes.map(({ name, value, description }) =>
    asObject({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
      description,
      preemptionPolicy: 'PreemptLowerPriority',
    }),
  )
}

interface Level {
  readonly name: string
  readonly shares: number
  readonly lendablePercent?: number
  readonly queues?: number
  readonly handSize?: number
}

const levels: readonly Level[] = [
  { name: 'system', shares: 30, lendablePercent: 33, queues: 64, handSize: 6 },
  { name: 'node-high', shares: 40, lendablePercent: 25, queues: 64, handSize: 6 },
  { name: 'leader-election', shares: 10, queues: 16, handSize: 4 },
  { name: 'workload-high', shares: 40, lendablePercent: 50, queues: 128, handSize: 6 },
  { name: 'workload-low', shares: 100, lendablePercent: 90, queues: 128, handSize: 6 },
  { name: 'global-default', shares: 20, lendablePercent: 50, queues: 128, handSize: 6 },
  { name: 'catch-all', shares: 5 },
]

/** Priority levels, as `kubectl get` and controllers expect to find them. */
export function priorityLevelObjects(): readonly KubeObject[] {
  const make = (name: string, spec: unknown) =>
    asObject({
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'PriorityLevelConfiguration',
      metadata: { name, annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' } },
      spec,
    })
  const limited = levels.map(({ name, shares, lendablePercent, queues, handSize }) =>
    make(name, {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: shares,
        lendablePercent: lendablePercent ?? 0,
        limitResponse:
          queues === undefined
            ? { type: 'Reject' }
            : { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } },
      },
    }),
  )
  const exempt = make('exempt', {
    type: 'Exempt',
    exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 },
  })
  return [exempt, ...limited]
}

interface Flow {
  readonly name: string
  readonly level: string
  readonly precedence: number
  readonly subjects: readonly (readonly ['Group' | 'User', string])[]
}

const flows: readonly Flow[] = [
  { name: 'exempt', level: 'exempt', precedence: 1, subjects: [['Group', 'system:masters']] },
  {
    name: 'system-nodes',
    level: 'system',
    precedence: 500,
    subjects: [['Group', 'system:nodes']],
  },
  {
    name: 'kube-controller-manager',
    level: 'workload-high',
    precedence: 800,
    subjects: [['User', 'system:kube-controller-manager']],
  },
  {
    name: 'kube-scheduler',
    level: 'workload-high',
    precedence: 800,
    subjects: [['User', 'system:kube-scheduler']],
  },
  {
    name: 'service-accounts',
    level: 'workload-low',
    precedence: 9_000,
    subjects: [['Group', 'system:serviceaccounts']],
  },
  {
    name: 'global-default',
    level: 'global-default',
    precedence: 9_900,
    subjects: [
      ['Group', 'system:unauthenticated'],
      ['Group', 'system:authenticated'],
    ],
  },
  {
    name: 'catch-all',
    level: 'catch-all',
    precedence: 10_000,
    subjects: [
      ['Group', 'system:unauthenticated'],
      ['Group', 'system:authenticated'],
    ],
  },
]

/** Flow schemas for the levels above. */
export function flowSchemaObjects(): readonly KubeObject[] {
  return flows.map(({ name, level, precedence, subjects }) =>
    asObject({
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'FlowSchema',
      metadata: { name, annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' } },
      spec: {
        priorityLevelConfiguration: { name: level },
        matchingPrecedence: precedence,
        distinguisherMethod: { type: 'ByUser' },
        rules: [
          {
            subjects: subjects.map(([kind, subject]) =>
              kind === 'Group' ? { kind, group: { name: subject } } : { kind, user: { name: subject } },
            ),
            resourceRules: [
              {
                verbs: ['*'],
                apiGroups: ['*'],
                resources: ['*'],
                clusterScope: true,
                namespaces: ['*'],
              },
            ],
            nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
          },
        ],
      },
    }),
  )
}
