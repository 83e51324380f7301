import t from 'tap'
import { nodes } from '../api/core/node.ts'
import { leases } from '../api/coordination/lease.ts'
import { events } from '../api/core/event.ts'
import { pods } from '../api/core/pod.ts'
import type { Pod, PodSpec } from '../api/types.ts'
import type { ApiObject } from '../client/index.ts'
import type { Resource } from '../api/kind.ts'
import { type SimProcess, SimWorld, simIdentity } from '../platform/sim/index.ts'
import { createFakeNodeHost, type FakeNodeHost, type Kubelet, startKubelet } from './index.ts'
import { MemoryApi } from './testing/memory-api.ts'
import { containerOf, podOf } from './testing/pod-fixtures.ts'

/** One node with its API, in virtual time. */
class Node {
  readonly world = new SimWorld(1n)
  readonly api: MemoryApi
  readonly host: FakeNodeHost
  kubelet: Kubelet | undefined
  #process: SimProcess

  constructor() {
    const hardware = this.world.startProcess({ name: 'hardware', machine: this.world.machine('n1') })
    this.#process = hardware
    this.api = new MemoryApi(hardware.powers.clock)
    this.host = createFakeNodeHost(hardware.powers, { podCidr: '10.244.1.0/24', facts: { cpuMillis: 2000 } })
  }

  async start(): Promise<void> {
    this.#process = this.world.startProcess({ name: 'kubelet', machine: this.world.machine('n1') })
    const starting = startKubelet(
      this.#process.powers,
      {
        nodeName: 'n1',
        client: this.api,
        rootDir: '/node',
        address: 'n1',
        port: undefined,
        podCidr: '10.244.1.0/24',
        serverTls: simIdentity('ca', 'system:node:n1', ['system:nodes']),
      },
      this.host,
    )
    await this.world.run(100)
    this.kubelet = await starting
  }

  async stop(): Promise<void> {
    const closing = this.kubelet?.close()
    await this.world.run(100)
    await closing
  }

  async run(ms: number): Promise<void> {
    await this.world.run(ms)
  }

  async create(name: string, spec: Partial<PodSpec> = {}): Promise<void> {
    await this.api.resource(pods, 'default').create(podOf(spec, name))
  }

  async pod(name: string): Promise<Pod | undefined> {
    return await this.get(pods, name, 'default')
  }

  async get<T extends ApiObject>(
    resource: Resource<T>,
    name: string,
    namespace?: string,
  ): Promise<T | undefined> {
    try {
      return await this.api.resource(resource, namespace).get(name)
    } catch {
      return undefined
    }
  }

  async running(): Promise<readonly string[]> {
    const all = await this.host.runtime.list()
    return all
      .filter((record) => record.state === 'running')
      .map((record) => `${record.podName}/${record.containerName}/${record.attempt}`)
  }
}

async function nodeWith(): Promise<Node> {
  const node = new Node()
  await node.start()
  return node
}

t.test('the node registers, reports what it has, and renews its lease every 10 s', async (t) => {
  const node = await nodeWith()
  const found = await node.get(nodes, 'n1')
  t.match(found?.status, {
    capacity: { cpu: '2', pods: '110' },
    nodeInfo: { containerRuntimeVersion: 'simulated://1.0.0' },
  })
  const ready = found?.status?.conditions?.find((condition) => condition.type === 'Ready')
  t.match(ready, { status: 'True', reason: 'KubeletReady' })
  t.match(ready?.message, /simulated/, 'it says that nothing really runs')
  const first = (await node.get(leases, 'n1', 'kube-node-lease'))?.spec?.renewTime
  await node.run(11_000)
  const second = (await node.get(leases, 'n1', 'kube-node-lease'))?.spec?.renewTime
  t.ok((second ?? '') > (first ?? ''), `${second} is after ${first}`)
  await node.stop()
})

t.test('a pod runs, is told, is deleted within its grace, and nothing of it stays', async (t) => {
  const node = await nodeWith()
  await node.create('web')
  await node.run(1000)
  const pod = await node.pod('web')
  t.match(pod?.status, { phase: 'Running', podIP: '10.244.1.2' })
  t.same(await node.running(), ['web/c/0'])
  await node.api.resource(pods, 'default').delete('web', { gracePeriodSeconds: 30 })
  await node.run(2000)
  t.equal(await node.pod('web'), undefined)
  t.same(await node.host.runtime.list(), [])
  t.same(await node.host.network.list(), [])
  t.same(await node.host.checkpoints.load(), [])
  await node.stop()
})

t.test('a container that crashes is started again at once, then after 10 s, 20 s, 40 s', async (t) => {
  const node = await nodeWith()
  await node.create('web', { containers: [containerOf('c', { command: ['sh', '-c', 'exit 3'] })] })
  const starts = new Map<number, number>()
  for (let second = 0; second < 90; second += 1) {
    await node.run(1000)
    for (const record of await node.host.runtime.list()) starts.set(record.attempt, record.createdAtMs)
  }
  const times = [...starts.values()]
  const gaps = times.slice(1).map((start, index) => Math.round((start - (times[index] ?? 0)) / 1000))
  t.same(gaps.slice(0, 4), [0, 10, 20, 40])
  await node.stop()
})

t.test('an image that does not exist leaves the pod waiting with the reason, and events', async (t) => {
  const node = await nodeWith()
  await node.create('web', { containers: [containerOf('c', { image: 'example.com/missing:1' })] })
  await node.run(5000)
  const waiting = (await node.pod('web'))?.status?.containerStatuses?.[0]?.state?.waiting
  t.equal(waiting?.reason, 'ImagePullBackOff')
  const all = await node.api.resource(events).list()
  const reasons = new Set(all.items.map((event) => event.reason))
  t.ok(reasons.has('Failed') && reasons.has('BackOff'), [...reasons].join(', '))
  await node.stop()
})

t.test('a kubelet that starts again takes up what runs and starts nothing twice', async (t) => {
  const node = await nodeWith()
  await node.create('web')
  await node.run(1000)
  const before = await node.host.runtime.list()
  await node.stop()
  await node.start()
  await node.run(2000)
  t.same(await node.host.runtime.list(), before)
  t.match((await node.pod('web'))?.status, { phase: 'Running' })
  await node.stop()
})

t.test('while no apiserver answers containers that crash are started again', async (t) => {
  const node = await nodeWith()
  await node.create('web', { containers: [containerOf('c', { command: ['sleep', '30'] })] })
  await node.run(1000)
  node.api.isDown = true
  await node.run(32_000)
  t.same(await node.running(), ['web/c/1'])
  node.api.isDown = false
  await node.run(10_000)
  t.equal((await node.pod('web'))?.status?.containerStatuses?.[0]?.restartCount, 1)
  await node.stop()
})

t.test('a kubelet that starts while no apiserver answers ends nothing and starts nothing', async (t) => {
  const node = await nodeWith()
  await node.create('web')
  await node.create('job', { containers: [containerOf('c', { command: ['sleep', '40'] })] })
  await node.run(1000)
  await node.stop()
  node.api.isDown = true
  await node.start()
  await node.run(60_000)
  t.same(await node.running(), ['web/c/0'], 'the one goes on, the other may long run elsewhere')
  node.api.isDown = false
  await node.run(10_000)
  t.same(await node.running(), ['web/c/0', 'job/c/1'])
  await node.stop()
})

t.test('a pod that was deleted while the kubelet was down is ended when it comes back', async (t) => {
  const node = await nodeWith()
  await node.create('web')
  await node.run(1000)
  await node.stop()
  await node.api.resource(pods, 'default').delete('web', { gracePeriodSeconds: 0 })
  await node.start()
  await node.run(2000)
  t.same(await node.host.runtime.list(), [])
  await node.stop()
})

t.test('after a power cut pods run again in new sandboxes', async (t) => {
  const node = await nodeWith()
  await node.create('web')
  await node.run(1000)
  await node.stop()
  node.host.crash()
  await node.start()
  await node.run(2000)
  t.same(await node.running(), ['web/c/1'])
  t.match((await node.pod('web'))?.status, {
    phase: 'Running',
    containerStatuses: [{ restartCount: 1, lastState: { terminated: { reason: 'ContainerStatusUnknown' } } }],
  })
  await node.stop()
})

t.test('a pod that asks for more than the node has is rejected and told so', async (t) => {
  const node = await nodeWith()
  await node.create('web', { containers: [containerOf('c', { resources: { requests: { cpu: '3' } } })] })
  await node.run(1000)
  t.match((await node.pod('web'))?.status, { phase: 'Failed', reason: 'OutOfcpu' })
  t.same(await node.host.runtime.list(), [])
  await node.stop()
})

t.test(
  'a pod that needs a label which the node got just now is taken, one that lacks it is not',
  async (t) => {
    const node = await nodeWith()
    const client = node.api.resource(nodes)
    const found = await client.get('n1')
    await client.update({
      ...found,
      metadata: { ...found.metadata, labels: { ...found.metadata.labels, disk: 'ssd' } },
    })
    await node.create('web', { nodeSelector: { disk: 'ssd' } })
    await node.create('other', { nodeSelector: { disk: 'tape' } })
    await node.run(1000)
    t.equal((await node.pod('web'))?.status?.phase, 'Running')
    t.match((await node.pod('other'))?.status, { phase: 'Failed', reason: 'NodeAffinity' })
    await node.stop()
  },
)

t.test('a pod past its activeDeadlineSeconds is ended and Failed', async (t) => {
  const node = await nodeWith()
  await node.create('web', { activeDeadlineSeconds: 5 })
  await node.run(8000)
  t.match((await node.pod('web'))?.status, { phase: 'Failed', reason: 'DeadlineExceeded' })
  t.same(await node.running(), [])
  await node.stop()
})

t.test('a completed pod keeps its records for its logs until it is deleted', async (t) => {
  const node = await nodeWith()
  await node.create('job', {
    restartPolicy: 'Never',
    containers: [containerOf('c', { command: ['sh', '-c', 'echo done'] })],
  })
  await node.run(2000)
  t.equal((await node.pod('job'))?.status?.phase, 'Succeeded')
  t.equal((await node.host.runtime.list()).length, 1)
  await node.api.resource(pods, 'default').delete('job', { gracePeriodSeconds: 30 })
  await node.run(2000)
  t.equal(await node.pod('job'), undefined)
  t.same(await node.host.runtime.list(), [])
  await node.stop()
})
