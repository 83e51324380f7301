/**
 * The kubelet: puts the parts together and lets them run.
 *
 * It serves as soon as it has taken up what runs on the machine; that no apiserver answers yet is no reason
 * to wait. Closing it ends no container.
 */
import { pods } from '../api/core/pod.ts'
import { services } from '../api/core/service.ts'
import { createEventRecorder, createInformers } from '../client/index.ts'
import { messageOf } from '../platform/assert.ts'
import type { Component } from '../platform/powers.ts'
import { TaskGroup } from '../platform/tasks.ts'
import type { KubeletConfig } from './kubelet-config.ts'
import { NodeAgent } from './node/node-agent.ts'
import { allocatableOf, capacityOf } from './node/node-object.ts'
import { parseQuantity, toMilli, toWhole } from '../api/meta/quantity.ts'
import type { NodeHost } from './node-host.ts'
import { PodManager } from './pod-manager.ts'
import { StatusManager } from './status-manager.ts'
import { startServer } from './streaming/server.ts'
import type { KubeletPowers, WorkerContext } from './worker-context.ts'

export interface Kubelet extends Component {
  /** Where its server listens; undefined without one. */
  readonly port: number | undefined
  /** Whether the node's object has been written since the start. */
  isRegistered(): boolean
}

/** Starts a kubelet on a machine. @throws NetworkError when its port is taken; Error when the runtime does not answer */
export async function startKubelet(
  powers: KubeletPowers,
  config: KubeletConfig,
  host: NodeHost,
): Promise<Kubelet> {
  const { log } = powers
  const tasks = new TaskGroup((error, name) =>
    log.error('a task of the kubelet failed', { task: name, error: messageOf(error) }),
  )
  const [facts, runtime] = await Promise.all([host.facts(), host.runtime.info()])
  const allocatable = allocatableOf(config, capacityOf(config, facts))
  const events = createEventRecorder(powers, config.client, { component: 'kubelet', host: config.nodeName })
  const informers = createInformers(powers, config.client, tasks)
  const podInformer = informers.for(pods, { fieldSelector: `spec.nodeName=${config.nodeName}` })
  const serviceInformer = informers.for(services)
  const status = new StatusManager({ client: config.client, clock: powers.clock, log })
  let mayStart = false
  const context: WorkerContext = {
    powers,
    config,
    host,
    client: config.client,
    events,
    isSimulated: !runtime.isReal,
    nodeMemoryBytes: facts.memoryBytes,
    mayStart: () => mayStart,
    services: () => serviceInformer.list(),
    facts: (_, podIP) => ({
      podIP,
      hostIP: config.address,
      nodeName: config.nodeName,
      allocatableCpuMillis: toMilli(parseQuantity(allocatable.cpu ?? '0')),
      allocatableMemoryBytes: toWhole(parseQuantity(allocatable.memory ?? '0')),
    }),
    report: (pod, next, isFinished) => status.set(pod, next, isFinished),
  }
  let registered = false
  let port = config.port ?? 0
  const agent = new NodeAgent({
    powers,
    config,
    client: config.client,
    host,
    tasks,
    port: () => port,
    onRegistered: () => {
      registered = true
      log.info('node registered', { node: config.nodeName, runtime: runtime.version })
    },
  })
  const manager = new PodManager({ context, status, tasks, node: () => agent.node, allocatable })
  const server =
    config.port === undefined ? undefined : await startServer({ context, manager, port: config.port })
  port = server?.address.port ?? 0
  await manager.adopt()
  const subscription = host.runtime.subscribe((podUid) => manager.notify(podUid))
  podInformer.onChange({
    add: (pod) => manager.set(pod),
    update: (_, pod) => manager.set(pod),
    delete: (pod) => manager.delete(pod),
  })
  agent.start()
  informers.start()
  tasks.run('first list', async (signal) => {
    await informers.waitForSync(signal)
    mayStart = true
    manager.synced(new Set(podInformer.list().map((pod) => pod.metadata.uid ?? '')))
  })
  return {
    port: server?.address.port,
    isRegistered: () => registered,
    close: async () => {
      subscription.close()
      await server?.close()
      await manager.close()
      await status.close()
      await tasks.close()
      await events.close()
    },
  }
}
