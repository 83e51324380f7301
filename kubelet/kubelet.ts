/**
 * The kubelet: puts the parts together and lets them run.
 *
 * It serves as soon as it has taken up what runs on the machine; that no apiserver answers yet is no reason
 * to wait. Closing it ends no container.
 */
import { pods } from '../api/core/pod.ts'
import { services } from '../api/core/service.ts'
import type { Pod, Service } from '../api/types.ts'
import {
  createEventRecorder,
  createInformers,
  type EventRecorder,
  type Informer,
  type Informers,
} from '../client/index.ts'
import { messageOf } from '../platform/assert.ts'
import type { Listener } from '../platform/network.ts'
import type { Component } from '../platform/powers.ts'
import { TaskGroup } from '../platform/tasks.ts'
import type { KubeletConfig } from './kubelet-config.ts'
import { cleanImages } from './images/image-clean-up.ts'
import { NodeAgent } from './node/node-agent.ts'
import { allocatableOf, capacityOf } from './node/node-object.ts'
import { parseQuantity, toMilli, toWhole } from '../api/meta/quantity.ts'
import type { MachineFacts, NodeHost } from './node-host.ts'
import { PodManager } from './pod-manager.ts'
import { StatusManager } from './status-manager.ts'
import type { RuntimeInfo } from './runtime/oci-runtime.ts'
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
  const [facts, runtime] = await Promise.all([host.facts(), host.runtime.info()])
  const kubelet = new RunningKubelet({ powers, config, host, facts, runtime })
  await kubelet.start()
  return kubelet
}

interface KubeletParts {
  readonly powers: KubeletPowers
  readonly config: KubeletConfig
  readonly host: NodeHost
  readonly facts: MachineFacts
  readonly runtime: RuntimeInfo
}

class RunningKubelet implements Kubelet {
  readonly #parts: KubeletParts
  readonly #tasks: TaskGroup
  readonly #events: EventRecorder
  readonly #informers: Informers
  readonly #pods: Informer<Pod>
  readonly #services: Informer<Service>
  readonly #status: StatusManager
  readonly #agent: NodeAgent
  readonly #context: WorkerContext
  readonly #manager: PodManager
  #server: Listener | undefined
  #subscription: { close(): void } | undefined
  #isRegistered = false
  /** The first list has come. */
  #mayStart = false

  constructor(parts: KubeletParts) {
    const { powers, config, host, runtime } = parts
    const { client } = config
    this.#parts = parts
    this.#tasks = new TaskGroup((error, name) =>
      powers.log.error('a task of the kubelet failed', { task: name, error: messageOf(error) }),
    )
    this.#events = createEventRecorder(powers, client, { component: 'kubelet', host: config.nodeName })
    this.#informers = createInformers(powers, client, this.#tasks)
    this.#pods = this.#informers.for(pods, { fieldSelector: `spec.nodeName=${config.nodeName}` })
    this.#services = this.#informers.for(services)
    this.#status = new StatusManager({ client, clock: powers.clock, log: powers.log })
    this.#agent = new NodeAgent({
      powers,
      config,
      client,
      host,
      tasks: this.#tasks,
      port: () => this.port ?? 0,
      onRegistered: () => {
        this.#isRegistered = true
        powers.log.info('node registered', { node: config.nodeName, runtime: runtime.version })
      },
    })
    const allocatable = allocatableOf(config, capacityOf(config, parts.facts))
    this.#context = this.#contextOf(allocatable)
    this.#manager = new PodManager({
      context: this.#context,
      status: this.#status,
      tasks: this.#tasks,
      node: () => this.#agent.node,
      fetchNode: (signal) => this.#agent.fetch(signal),
      allocatable,
    })
  }

  get port(): number | undefined {
    return this.#server?.address.port
  }

  isRegistered(): boolean {
    return this.#isRegistered
  }

  async start(): Promise<void> {
    const { powers, config, host } = this.#parts
    const { port } = config
    if (port !== undefined) {
      this.#server = await startServer({
        context: this.#context,
        manager: this.#manager,
        port,
        tasks: this.#tasks,
      })
    }
    await this.#manager.adopt()
    this.#subscription = host.runtime.subscribe((podUid) => this.#manager.notify(podUid))
    this.#pods.onChange({
      add: (pod) => this.#manager.set(pod),
      update: (_, pod) => this.#manager.set(pod),
      delete: (pod) => this.#manager.delete(pod),
    })
    this.#agent.start()
    this.#tasks.run('image clean-up', (signal) => cleanImages(powers, host, signal))
    this.#informers.start()
    this.#tasks.run('first list', async (signal) => {
      await this.#informers.waitForSync(signal)
      this.#mayStart = true
      this.#manager.synced(new Set(this.#pods.list().map((pod) => pod.metadata.uid ?? '')))
    })
  }

  async close(): Promise<void> {
    this.#subscription?.close()
    await this.#server?.close()
    await this.#manager.close()
    await this.#status.close()
    await this.#tasks.close()
    await this.#events.close()
  }

  #contextOf(allocatable: Readonly<Record<string, string>>): WorkerContext {
    const { powers, config, host, facts, runtime } = this.#parts
    return {
      powers,
      config,
      host,
      client: config.client,
      events: this.#events,
      isSimulated: !runtime.isReal,
      nodeMemoryBytes: facts.memoryBytes,
      mayStart: () => this.#mayStart,
      services: () => this.#services.list(),
      facts: (_, podIP) => ({
        podIP,
        hostIP: config.address,
        nodeName: config.nodeName,
        allocatableCpuMillis: toMilli(parseQuantity(allocatable.cpu ?? '0')),
        allocatableMemoryBytes: toWhole(parseQuantity(allocatable.memory ?? '0')),
      }),
      report: (pod, next, isFinished) => this.#status.set(pod, next, isFinished),
    }
  }
}
