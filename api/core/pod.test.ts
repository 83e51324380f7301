import t from 'tap'
import { deepClone, deepFreeze, trusted } from '../meta/json.ts'
import type { ContainerStatus, Pod, PodStatus } from '../types.ts'
import { podStatusText } from './pod-columns.ts'
import { qosClass, podLimits, podRequests } from './pod-resources.ts'
import { formatQuantity } from '../meta/quantity.ts'
import { imageTag } from './pod-spec-defaults.ts'
import { pods } from './pod.ts'

const nowMs = Date.UTC(2026, 0, 2, 0, 10)

function podOf(spec: unknown, status?: unknown, metadata: object = { name: 'web' }): Pod {
  return trusted<Pod>({ apiVersion: 'v1', kind: 'Pod', metadata, spec, status })
}

const small = { containers: [{ name: 'c', image: 'i:1' }] }

function problemsOf(spec: unknown): string[] {
  const pod = pods.setDefaults(podOf(spec))
  return pods.validate(pod).map(({ field, message }) => `${field}: ${message}`)
}

void t.test('a pod gets every default that upstream gives it', (t) => {
  const pod = pods.setDefaults(
    deepFreeze(podOf({ containers: [{ name: 'c', image: 'busybox', ports: [{ containerPort: 80 }] }] })),
  )
  t.strictSame(pod.spec, {
    containers: [
      {
        name: 'c',
        image: 'busybox',
        imagePullPolicy: 'Always',
        ports: [{ containerPort: 80, protocol: 'TCP' }],
        resources: {},
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
      },
    ],
    dnsPolicy: 'ClusterFirst',
    enableServiceLinks: true,
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  })
  t.end()
})

void t.test('an image is pulled always when its tag is latest or missing', (t) => {
  t.equal(imageTag('busybox'), 'latest')
  t.equal(imageTag('localhost:5000/busybox'), 'latest')
  t.equal(imageTag('localhost:5000/busybox:1.2'), '1.2')
  t.equal(imageTag('busybox@sha256:abc'), '')
  t.equal(imageTag('busybox:1@sha256:abc'), '1')
  t.end()
})

void t.test(
  'a limit without a request requests as much, in pods only; host networking takes host ports',
  (t) => {
    const pod = pods.setDefaults(
      podOf({
        hostNetwork: true,
        containers: [
          {
            name: 'c',
            image: 'i',
            ports: [{ containerPort: 80 }],
            resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
          },
        ],
      }),
    )
    t.strictSame(pod.spec?.containers[0]?.resources?.requests, { cpu: '500m', memory: '1Gi' })
    t.equal(pod.spec?.containers[0]?.ports?.[0]?.hostPort, 80)
    t.end()
  },
)

void t.test('a new pod is Pending, whatever the client says of its status', (t) => {
  t.strictSame(pods.prepareForCreate(podOf(small, { phase: 'Running', podIP: '1.2.3.4' })).status, {
    phase: 'Pending',
    qosClass: 'BestEffort',
  })
  t.end()
})

void t.test('what is wrong with a pod is said by field, in upstream words', (t) => {
  t.same(problemsOf({ containers: [] }), ['spec.containers: Required value'])
  t.same(problemsOf({ containers: [{ name: 'c' }] }), ['spec.containers[0].image: Required value'])
  t.match(problemsOf({ containers: [{ name: 'C_', image: 'i' }] }), [
    /^spec\.containers\[0\]\.name: Invalid value: "C_": a lowercase RFC 1123 label must consist/,
  ])
  t.same(
    problemsOf({
      containers: [
        { name: 'c', image: 'i' },
        { name: 'c', image: 'i' },
      ],
    }),
    ['spec.containers[1].name: Duplicate value: "c"'],
  )
  t.same(problemsOf({ ...small, restartPolicy: 'Sometimes' }), [
    'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
  ])
  t.same(
    problemsOf({ containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'v', mountPath: '/x' }] }] }),
    ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
  )
  t.same(
    problemsOf({
      containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }],
    }),
    [
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
  )
  t.same(problemsOf({ containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 0 }] }] }), [
    'spec.containers[0].ports[0].containerPort: Required value',
  ])
  t.same(problemsOf({ containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 70000 }] }] }), [
    'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
  ])
  t.same(problemsOf({ ...small, volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] }), [
    'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
  ])
  t.same(problemsOf({ containers: [{ name: 'c', image: 'i', livenessProbe: {} }] }), [
    'spec.containers[0].livenessProbe: Required value: must specify a handler type',
  ])
  t.same(problemsOf({ ...small, tolerations: [{ operator: 'Equal' }] }).length, 1)
  t.end()
})

void t.test('only images, deadline, tolerations and gates of a pod may change', (t) => {
  const before = pods.setDefaults(
    podOf({ ...small, schedulingGates: [{ name: 'g' }], activeDeadlineSeconds: 10 }),
  )
  const change = (fields: object) =>
    pods.validateUpdate(trusted<Pod>({ ...before, spec: { ...before.spec, ...fields } }), before)
  const container = before.spec?.containers[0]
  t.same(change({ containers: [{ ...container, image: 'i:2' }] }), [])
  t.same(change({ tolerations: [{ key: 'a', operator: 'Exists' }] }), [])
  t.same(change({ schedulingGates: undefined }), [])
  t.same(change({ activeDeadlineSeconds: 5 }), [])
  t.match(change({ activeDeadlineSeconds: 20 }), [{ field: 'spec.activeDeadlineSeconds' }])
  t.match(change({ schedulingGates: [{ name: 'g' }, { name: 'h' }] }), [{ field: 'spec.schedulingGates' }])
  t.match(change({ containers: [{ ...container, command: ['sh'] }] }), [
    {
      type: 'FieldValueForbidden',
      field: 'spec',
      message: /^Forbidden: pod updates may not change fields other than/,
    },
  ])
  t.match(change({ nodeName: 'n1' }), [{ field: 'spec' }])
  t.end()
})

const running = (name: string, more: object = {}): ContainerStatus =>
  trusted({ name, ready: true, restartCount: 0, image: 'i', imageID: '', state: { running: {} }, ...more })
const statusOf = (status: PodStatus | object, spec: object = small, metadata: object = { name: 'web' }) =>
  podStatusText(podOf(spec, status, metadata))

void t.test('the status of a pod is the word that kubectl shows', (t) => {
  const init = {
    ...small,
    initContainers: [
      { name: 'a', image: 'i' },
      { name: 'b', image: 'i' },
    ],
  }
  const waiting = (reason: string) => running('a', { ready: false, state: { waiting: { reason } } })
  const ended = (exitCode: number, more: object = {}) =>
    running('a', { ready: false, state: { terminated: { exitCode, ...more } } })
  t.equal(statusOf({ phase: 'Pending' }), 'Pending')
  t.equal(statusOf({ phase: 'Running', containerStatuses: [running('c')] }), 'Running')
  t.equal(
    statusOf({ phase: 'Pending', containerStatuses: [waiting('ImagePullBackOff')] }),
    'ImagePullBackOff',
  )
  t.equal(
    statusOf({ phase: 'Running', containerStatuses: [waiting('CrashLoopBackOff')] }),
    'CrashLoopBackOff',
  )
  t.equal(statusOf({ phase: 'Failed', containerStatuses: [ended(2)] }), 'ExitCode:2')
  t.equal(statusOf({ phase: 'Failed', containerStatuses: [ended(137, { signal: 9 })] }), 'Signal:9')
  t.equal(statusOf({ phase: 'Failed', containerStatuses: [ended(1, { reason: 'Error' })] }), 'Error')
  t.equal(
    statusOf({ phase: 'Succeeded', containerStatuses: [ended(0, { reason: 'Completed' })] }),
    'Completed',
  )
  t.equal(
    statusOf({ phase: 'Running', containerStatuses: [ended(0, { reason: 'Completed' }), running('d')] }),
    'NotReady',
  )
  t.equal(
    statusOf({ phase: 'Pending', initContainerStatuses: [running('a', { ready: false })] }, init),
    'Init:0/2',
  )
  t.equal(
    statusOf({ phase: 'Pending', initContainerStatuses: [ended(0), waiting('PodInitializing')] }, init),
    'Init:1/2',
  )
  t.equal(
    statusOf({ phase: 'Pending', initContainerStatuses: [waiting('CrashLoopBackOff')] }, init),
    'Init:CrashLoopBackOff',
  )
  t.equal(statusOf({ phase: 'Pending', initContainerStatuses: [ended(3)] }, init), 'Init:ExitCode:3')
  t.equal(statusOf({ phase: 'Failed', reason: 'Evicted' }), 'Evicted')
  t.equal(
    statusOf({
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
    }),
    'SchedulingGated',
  )
  const deleted = { name: 'web', deletionTimestamp: '2026-01-02T00:00:00Z' }
  t.equal(statusOf({ phase: 'Running', containerStatuses: [running('c')] }, small, deleted), 'Terminating')
  t.equal(statusOf({ phase: 'Running', reason: 'NodeLost' }, small, deleted), 'Unknown')
  t.equal(statusOf({ phase: 'Succeeded' }, small, deleted), 'Succeeded')
  t.end()
})

void t.test('the row of a pod counts ready containers and tells of restarts', (t) => {
  const last = { terminated: { exitCode: 1, finishedAt: '2026-01-02T00:05:00Z' } }
  const pod = podOf(
    { ...small, initContainers: [{ name: 's', image: 'i', restartPolicy: 'Always' }], nodeName: 'n1' },
    {
      phase: 'Running',
      podIPs: [{ ip: '10.0.0.1' }],
      containerStatuses: [running('c', { restartCount: 2, lastState: last })],
      initContainerStatuses: [running('s', { started: true })],
    },
    { name: 'web', creationTimestamp: '2026-01-01T23:59:00Z' },
  )
  t.same(
    pods.columns.map(({ cell }) => cell(pod, nowMs)),
    ['web', '2/2', 'Running', '2 (5m ago)', '11m', '10.0.0.1', 'n1', '<none>', '<none>'],
  )
  t.end()
})

void t.test('requests are the sum of what runs, or the largest of what runs before', (t) => {
  const cpu = (amount: string, limit = amount) => ({
    resources: { requests: { cpu: amount }, limits: { cpu: limit } },
  })
  const pod = podOf({
    containers: [
      { name: 'a', ...cpu('100m', '200m') },
      { name: 'b', ...cpu('200m') },
    ],
    initContainers: [
      { name: 'i', ...cpu('1') },
      { name: 's', restartPolicy: 'Always', ...cpu('50m') },
      { name: 'j', ...cpu('250m') },
    ],
    overhead: { cpu: '10m' },
  })
  const text = (resources: ReturnType<typeof podRequests>) =>
    formatQuantity(resources.get('cpu') ?? { nano: 0n, format: 'DecimalSI' })
  t.equal(text(podRequests(pod)), '1010m', 'the first init container alone needs more than all that follows')
  t.equal(text(podLimits(pod)), '1010m')
  const later = deepClone(pod)
  t.equal(
    text(
      podRequests({
        spec: {
          ...later.spec,
          containers: later.spec?.containers ?? [],
          initContainers: later.spec?.initContainers?.slice(1),
        },
      }),
    ),
    '360m',
  )
  t.end()
})

void t.test('the class of service follows from requests and limits', (t) => {
  const both = { cpu: '1', memory: '1Gi' }
  t.equal(qosClass(podOf(small)), 'BestEffort')
  t.equal(
    qosClass(podOf({ containers: [{ name: 'c', resources: { limits: both, requests: both } }] })),
    'Guaranteed',
  )
  t.equal(qosClass(podOf({ containers: [{ name: 'c', resources: { limits: both } }] })), 'Guaranteed')
  t.equal(qosClass(podOf({ containers: [{ name: 'c', resources: { requests: both } }] })), 'Burstable')
  t.equal(
    qosClass(podOf({ containers: [{ name: 'c', resources: { limits: both } }, { name: 'd' }] })),
    'Burstable',
  )
  t.end()
})
