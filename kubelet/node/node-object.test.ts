import t from 'tap'
import { deepEqual } from '../../api/meta/json.ts'
import { simIdentity } from '../../platform/sim/index.ts'
import { SimWorld } from '../../platform/sim/index.ts'
import { MemoryApi } from '../testing/memory-api.ts'
import {
  allocatableOf,
  capacityOf,
  comparableStatus,
  newNode,
  type NodeObservation,
  withNodeStatus,
} from './node-object.ts'

const world = new SimWorld(1n)
const { powers } = world.startProcess({ name: 'n1', machine: world.machine('n1') })
const gibibyte = 1024 ** 3

const observation: NodeObservation = {
  config: {
    nodeName: 'n1',
    client: new MemoryApi(powers.clock),
    rootDir: '/node',
    address: '10.0.0.1',
    port: 10_250,
    podCidr: '10.244.1.0/24',
    serverTls: simIdentity('ca', 'system:node:n1'),
    nodeLabels: { disk: 'ssd' },
    reserved: { cpu: '500m' },
  },
  facts: {
    cpuMillis: 2000,
    memoryBytes: 4 * gibibyte,
    ephemeralStorageBytes: 10 * gibibyte,
    architecture: 'amd64',
    operatingSystem: 'linux',
    kernelVersion: '6.1',
    osImage: 'Debian',
    machineId: '',
    bootId: '',
    systemUuid: '',
  },
  usage: {
    memoryAvailableBytes: gibibyte,
    diskAvailableBytes: 5 * gibibyte,
    diskCapacityBytes: 10 * gibibyte,
    processesAvailable: 1000,
  },
  runtime: { name: 'runc', version: 'runc://1.1.5', isReal: true },
  images: [],
  problem: undefined,
  port: 10_250,
  nowMs: 1_767_225_600_000,
}

const conditions = (more: Partial<NodeObservation>) =>
  Object.fromEntries(
    (newNode({ ...observation, ...more }).status?.conditions ?? []).map(({ type, status, reason }) => [
      type,
      `${status} ${reason}`,
    ]),
  )

t.test("capacity is the machine's, allocatable less what is held back", async (t) => {
  const capacity = capacityOf(observation.config, observation.facts)
  t.match(capacity, { cpu: '2', memory: '4194304Ki', pods: '110' })
  t.equal(allocatableOf(observation.config, capacity).cpu, '1500m')
})

t.test('the node has its labels, addresses and pod range', async (t) => {
  const node = newNode(observation)
  t.match(node.metadata.labels, {
    'kubernetes.io/hostname': 'n1',
    'kubernetes.io/arch': 'amd64',
    disk: 'ssd',
  })
  t.equal(node.spec?.podCIDR, '10.244.1.0/24')
  t.match(node.status, {
    addresses: [
      { type: 'InternalIP', address: '10.0.0.1' },
      { type: 'Hostname', address: 'n1' },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
  })
})

t.test('all is well: Ready and no pressure', async (t) => {
  t.same(conditions({}), {
    MemoryPressure: 'False KubeletHasSufficientMemory',
    DiskPressure: 'False KubeletHasNoDiskPressure',
    PIDPressure: 'False KubeletHasSufficientPID',
    Ready: 'True KubeletReady',
  })
})

t.test('what is missing makes the node unready, what runs low is pressure', async (t) => {
  t.equal(conditions({ problem: 'no CNI' }).Ready, 'False KubeletNotReady')
  const usage = {
    ...observation.usage,
    memoryAvailableBytes: 1,
    diskAvailableBytes: 1,
    processesAvailable: 1,
  }
  t.match(conditions({ usage }), {
    MemoryPressure: /^True/,
    DiskPressure: /^True/,
    PIDPressure: /^True/,
    Ready: /^True/,
  })
})

t.test('a heartbeat alone is no change', async (t) => {
  const first = newNode(observation)
  const later = withNodeStatus(first, { ...observation, nowMs: observation.nowMs + 10_000 })
  t.ok(deepEqual(comparableStatus(first), comparableStatus(later)))
  t.equal(
    later.status?.conditions?.[3]?.lastTransitionTime,
    first.status?.conditions?.[3]?.lastTransitionTime,
  )
  t.not(later.status?.conditions?.[3]?.lastHeartbeatTime, first.status?.conditions?.[3]?.lastHeartbeatTime)
})
