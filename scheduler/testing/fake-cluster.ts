/**
 * A cluster around one `SchedulerCore`, in virtual time: a server that keeps pods and refuses second
 * bindings, informers that hear of changes late, and binds that fail in every way a network knows.
 */
import { conflict, notFound } from '../../api/meta/status.ts'
import type { Node, Pod, PodCondition, PodDisruptionBudget } from '../../api/types.ts'
import { nothing, type Selector } from '../../api/meta/selector.ts'
import { Cache } from '../../client/index.ts'
import { NetworkError } from '../../platform/network.ts'
import type { Powers } from '../../platform/powers.ts'
import { sleep } from '../../platform/clock.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import { feedCore } from '../cluster-events.ts'
import { catalog } from '../plugins/catalog.ts'
import type { EventText, SchedulerApi, StatusChange } from '../scheduler-api.ts'
import { SchedulerCore } from '../scheduler-core.ts'

const subject = { group: '', resource: 'pods' }

/** What becomes of one bind request. */
export type BindFate = 'ok' | 'refused' | 'lost before' | 'lost after' | 'hangs'

export class FakeCluster {
  readonly powers: Powers
  readonly core: SchedulerCore
  readonly events: { readonly pod: string; readonly event: EventText }[] = []
  readonly bindings: { readonly pod: string; readonly nodeName: string }[] = []
  readonly budgets: PodDisruptionBudget[] = []
  readonly nodeCache = new Cache<Node>()
  readonly podCache = new Cache<Pod>()
  /** How late informers hear. */
  informerDelayMs = 1
  /** How long a deleted pod that has a node takes to end; 0: it is gone at once. */
  graceMs = 0
  /** The core's loop is over. */
  hasEnded = false
  fateOf: () => BindFate = () => 'ok'
  selectorOf: (pod: PodInfo) => Selector = () => nothing
  readonly #server = new Map<string, Pod>()
  readonly #stop = new AbortController()
  #revision = 0

  readonly #run: (durationMs: number) => Promise<void>

  /** `run` lets virtual time pass. */
  constructor(options: { readonly powers: Powers; readonly run: (durationMs: number) => Promise<void> }) {
    this.powers = options.powers
    this.#run = options.run
    this.core = new SchedulerCore({
      powers: this.powers,
      api: this.#api(),
      catalog,
      listers: {
        disruptionBudgets: () => this.budgets,
        defaultSelector: (pod) => this.selectorOf(pod),
        namespaceLabels: () => ({}),
      },
      findPod: (namespace, name) => this.podCache.get(namespace, name),
    })
    feedCore(this.core, { nodes: this.nodeCache, pods: this.podCache }, 'default-scheduler')
    void this.core.run(this.#stop.signal).then(() => {
      this.hasEnded = true
    })
  }

  setNode(node: Node): void {
    this.nodeCache.apply({ type: 'ADDED', object: this.#stamped(node) })
  }

  removeNode(name: string): void {
    const node = this.nodeCache.get(undefined, name)
    if (node) this.nodeCache.apply({ type: 'DELETED', object: node })
  }

  /** Creates or replaces a pod on the server. */
  setPod(pod: Pod): void {
    const stamped = this.#stamped(pod)
    this.#server.set(`${pod.metadata.namespace}/${pod.metadata.name}`, stamped)
    this.#tell('MODIFIED', stamped)
  }

  removePod(namespace: string, name: string): void {
    const pod = this.#server.get(`${namespace}/${name}`)
    if (pod === undefined) return
    this.#server.delete(`${namespace}/${name}`)
    this.#tell('DELETED', this.#stamped(pod))
  }

  pod(name: string, namespace = 'default'): Pod | undefined {
    return this.#server.get(`${namespace}/${name}`)
  }

  pods(): readonly Pod[] {
    return Array.from(this.#server.values())
  }

  nodeOf(name: string): string | undefined {
    return this.pod(name)?.spec?.nodeName
  }

  messagesOf(name: string, reason = 'FailedScheduling'): readonly string[] {
    return this.events
      .filter(({ pod, event }) => pod === `default/${name}` && event.reason === reason)
      .map(({ event }) => event.message)
  }

  async run(durationMs: number): Promise<void> {
    await this.#run(durationMs)
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the test has ended'))
    await this.#run(1)
  }

  #stamped<T extends Pod | Node>(object: T): T {
    this.#revision += 1
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } }
  }

  #tell(type: 'MODIFIED' | 'DELETED', object: Pod): void {
    this.powers.clock.setTimer(this.informerDelayMs, () => this.podCache.apply({ type, object }))
  }

  #find(pod: PodInfo): Pod {
    const found = this.#server.get(pod.key)
    if (found === undefined || found.metadata.uid !== pod.uid) throw notFound(subject, pod.name)
    return found
  }

  #bind(pod: PodInfo, nodeName: string): void {
    const found = this.#find(pod)
    if (found.spec?.nodeName) {
      throw conflict(
        subject,
        pod.name,
        `pod ${pod.name} is already assigned to node "${found.spec.nodeName}"`,
      )
    }
    this.bindings.push({ pod: pod.key, nodeName })
    this.setPod({ ...found, spec: { ...found.spec, containers: found.spec?.containers ?? [], nodeName } })
  }

  #patch(pod: PodInfo, change: StatusChange): void {
    const found = this.#find(pod)
    const others = (found.status?.conditions ?? []).filter(({ type }) => type !== change.condition?.type)
    const conditions: readonly PodCondition[] = change.condition ? [...others, change.condition] : others
    const nominatedNodeName = change.nominatedNodeName ?? found.status?.nominatedNodeName
    this.setPod({ ...found, status: { ...found.status, conditions, nominatedNodeName } })
  }

  #api(): SchedulerApi {
    const flight = () => sleep(this.powers.clock, 1)
    return {
      bind: async (pod, nodeName, signal) => {
        const fate = this.fateOf()
        if (fate === 'hangs') await sleep(this.powers.clock, 3_600_000, signal)
        await flight()
        if (fate === 'refused') throw conflict(subject, pod.name, 'no luck')
        if (fate !== 'lost before') this.#bind(pod, nodeName)
        if (fate !== 'ok')
          throw new NetworkError({ code: 'ECONNRESET', message: 'cut', maybeDelivered: true })
      },
      get: async (pod) => {
        await flight()
        return this.#find(pod)
      },
      patchStatus: async (pod, change) => {
        await flight()
        this.#patch(pod, change)
      },
      remove: async (pod) => {
        await flight()
        const found = this.#find(pod)
        if (this.graceMs === 0) this.removePod(pod.namespace, pod.name)
        else {
          this.setPod({
            ...found,
            metadata: { ...found.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
          })
          this.powers.clock.setTimer(this.graceMs, () => this.removePod(pod.namespace, pod.name))
        }
      },
      event: (pod, event) => this.events.push({ pod: pod.key, event }),
    }
  }
}
