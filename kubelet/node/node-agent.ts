/**
 * Keeps this node's object and Lease: registers, renews the Lease every 10 s, looks at the machine every
 * 10 s and tells the API when something changed, else every 5 minutes.
 * Source: kubelet `kubelet_node_status.go`, `pkg/util/nodelease`.
 */
import { leases } from '../../api/coordination/lease.ts'
import { nodes } from '../../api/core/node.ts'
import { deepEqual } from '../../api/meta/json.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../api/meta/status.ts'
import type { Lease, Node } from '../../api/types.ts'
import type { ApiClient } from '../../client/index.ts'
import { messageOf } from '../../platform/assert.ts'
import { formatMicroTime, sleep } from '../../platform/clock.ts'
import type { TaskGroup } from '../../platform/tasks.ts'
import type { KubeletConfig } from '../kubelet-config.ts'
import type { NodeHost } from '../node-host.ts'
import type { KubeletPowers } from '../worker-context.ts'
import {
  comparableStatus,
  newNode,
  type NodeObservation,
  nodeLabelsOf,
  withNodeStatus,
} from './node-object.ts'

const leaseNamespace = 'kube-node-lease'
const leaseSeconds = 40
const renewMs = 10_000
const statusMs = 10_000
const reportMs = 300_000
const retryMinMs = 100
const retryMaxMs = 5000

export interface NodeAgentOptions {
  readonly powers: KubeletPowers
  readonly config: KubeletConfig
  readonly client: ApiClient
  readonly host: NodeHost
  readonly tasks: TaskGroup
  readonly port: () => number
  readonly onRegistered: () => void
}

export class NodeAgent {
  readonly #options: NodeAgentOptions
  #node: Node | undefined
  #lease: Lease | undefined
  #reportedAtMs = 0
  #isRegistered = false

  /** Does nothing before `start`. */
  constructor(options: NodeAgentOptions) {
    this.#options = options
  }

  /** The object as last seen. */
  get node(): Node | undefined {
    return this.#node
  }

  /** The object as the API has it now; tries until it answers. @throws the signal's reason */
  async fetch(signal: AbortSignal): Promise<Node> {
    const { client, config, powers } = this.#options
    for (;;) {
      try {
        this.#node = await client.resource(nodes).get(config.nodeName, { signal })
        return this.#node
      } catch (error) {
        if (signal.aborted) throw error
        powers.log.debug('the node could not be read; it is tried again', { error: messageOf(error) })
        await sleep(powers.clock, retryMaxMs / 5, signal)
      }
    }
  }

  /** Runs until the task group closes. */
  start(): void {
    const { tasks } = this.#options
    tasks.run('node status', (signal) =>
      this.#repeat('node status', statusMs, signal, () => this.#tell(signal)),
    )
    tasks.run('node lease', (signal) =>
      this.#repeat('node lease', renewMs, signal, () => this.#renew(signal)),
    )
  }

  async #repeat(
    what: string,
    periodMs: number,
    signal: AbortSignal,
    work: () => Promise<void>,
  ): Promise<void> {
    const { clock, log } = this.#options.powers
    let retryMs = retryMinMs
    while (!signal.aborted) {
      try {
        await work()
        retryMs = retryMinMs
        await sleep(clock, periodMs, signal)
      } catch (error) {
        if (signal.aborted) return
        log.debug(`the ${what} could not be written; it is tried again`, { error: messageOf(error) })
        await sleep(clock, retryMs, signal)
        retryMs = Math.min(retryMs * 2, retryMaxMs)
      }
    }
  }

  async #tell(signal: AbortSignal): Promise<void> {
    const { client, config, powers } = this.#options
    const observation = await this.#observe()
    const resource = client.resource(nodes)
    const known = this.#node ?? (await this.#register(observation, signal))
    const next = withNodeStatus(known, observation)
    const nowMs = powers.clock.monotonicMs()
    const isSame = deepEqual(comparableStatus(known), comparableStatus(next))
    if (this.#isRegistered && isSame && nowMs - this.#reportedAtMs < reportMs) return
    try {
      this.#node = await resource.updateStatus(next, { signal })
    } catch (error) {
      // Somebody else wrote the node, or it was deleted: look again before the next try.
      this.#node = isConflict(error) ? await resource.get(config.nodeName, { signal }) : undefined
      throw error
    }
    this.#reportedAtMs = nowMs
    if (this.#isRegistered) return
    this.#isRegistered = true
    this.#options.onRegistered()
  }

  async #observe(): Promise<NodeObservation> {
    const { config, host, powers, port } = this.#options
    const [facts, usage, runtime, images] = await Promise.all([
      host.facts(),
      host.usage(),
      host.runtime.info(),
      host.images.list(),
    ])
    return {
      config,
      facts,
      usage,
      runtime,
      images,
      problem: host.network.problem(),
      port: port(),
      nowMs: powers.clock.wallMs(),
    }
  }

  /** Creates the node, or brings the labels of an existing one up to date. */
  async #register(observation: NodeObservation, signal: AbortSignal): Promise<Node> {
    const { client, config } = this.#options
    const resource = client.resource(nodes)
    const labels = nodeLabelsOf(config, observation.facts)
    try {
      return await resource.create(newNode(observation), { signal })
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
    const found = await resource.get(config.nodeName, { signal })
    const hasLabels = Object.entries(labels).every(([key, value]) => found.metadata.labels?.[key] === value)
    if (hasLabels) return found
    return await resource.update(
      { ...found, metadata: { ...found.metadata, labels: { ...found.metadata.labels, ...labels } } },
      { signal },
    )
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { client, config, powers } = this.#options
    const resource = client.resource(leases, leaseNamespace)
    const spec = {
      holderIdentity: config.nodeName,
      leaseDurationSeconds: leaseSeconds,
      renewTime: formatMicroTime(powers.clock.wallMs()),
    }
    try {
      this.#lease =
        this.#lease === undefined
          ? await resource.create(this.#newLease(spec), { signal })
          : await resource.update({ ...this.#lease, spec: { ...this.#lease.spec, ...spec } }, { signal })
    } catch (error) {
      if (isAlreadyExists(error) || isConflict(error))
        this.#lease = await resource.get(config.nodeName, { signal })
      else if (isNotFound(error)) this.#lease = undefined
      throw error
    }
  }

  #newLease(spec: Lease['spec']): Lease {
    const { nodeName } = this.#options.config
    const uid = this.#node?.metadata.uid
    const owner =
      uid === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }] }
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: nodeName, namespace: leaseNamespace, ...owner },
      spec,
    }
  }
}
