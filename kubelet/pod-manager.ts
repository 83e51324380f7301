/**
 * All pods of the node: which worker there is, which pods come in, what belongs to nobody.
 *
 * At the start it takes up what an earlier kubelet left: every pod of which something runs, from its
 * checkpoint, so containers are watched before any apiserver answers. Only once the API has
 * been heard are pods ended that it does not know, and containers started: the pod may long be elsewhere
 * (kubernetes#59848). A pod is started only from a consistent list or a watch.
 */
import { isPodTerminal } from '../api/core/pod-conditions.ts'
import type { Node, Pod } from '../api/types.ts'
import { messageOf } from '../platform/assert.ts'
import { formatTime } from '../platform/clock.ts'
import type { TaskGroup } from '../platform/tasks.ts'
import { admitPod, type Rejection } from './admission.ts'
import type { Sandbox } from './network/pod-network.ts'
import { graceSecondsOf } from './pod-plan.ts'
import { PodWorker } from './pod-worker.ts'
import type { StatusManager } from './status-manager.ts'
import type { WorkerContext } from './worker-context.ts'

export interface PodManagerOptions {
  readonly context: WorkerContext
  readonly status: StatusManager
  readonly tasks: TaskGroup
  readonly node: () => Node | undefined
  /** The node's object as the API has it now. Tries until it answers. */
  readonly fetchNode: (signal: AbortSignal) => Promise<Node>
  readonly allocatable: Readonly<Record<string, string | number>>
}

interface Entry {
  readonly worker: PodWorker
  /** The API has it no more: when it has ended, its traces go too. */
  isGone: boolean
}

export class PodManager {
  readonly #options: PodManagerOptions
  readonly #entries = new Map<string, Entry>()
  readonly #rejected = new Set<string>()
  /** Pods for which the node is being looked at again. */
  readonly #asking = new Set<string>()

  /** Takes nothing up before `adopt`. */
  constructor(options: PodManagerOptions) {
    this.#options = options
  }

  /** Pods with a worker. */
  get pods(): readonly Pod[] {
    return Array.from(this.#entries.values(), ({ worker }) => worker.pod)
  }

  worker(uid: string): PodWorker | undefined {
    return this.#entries.get(uid)?.worker
  }

  find(namespace: string, name: string): PodWorker | undefined {
    for (const { worker } of this.#entries.values()) {
      if (worker.pod.metadata.namespace === namespace && worker.pod.metadata.name === name) return worker
    }
    return undefined
  }

  /** Takes up what runs already; clears what belongs to no known pod. Before the first `add`. */
  async adopt(): Promise<void> {
    const { host, powers } = this.#options.context
    const [records, sandboxes, checkpoints] = await Promise.all([
      host.runtime.list(),
      host.network.list(),
      host.checkpoints.load(),
    ])
    const known = new Set(checkpoints.map((pod) => pod.metadata.uid ?? ''))
    for (const record of records) if (!known.has(record.podUid)) await host.runtime.remove(record.id)
    for (const sandbox of sandboxes) if (!known.has(sandbox.podUid)) await host.network.tearDown(sandbox.id)
    for (const uid of await host.volumes.listPods()) if (!known.has(uid)) await host.volumes.removePod(uid)
    for (const pod of checkpoints) this.#start(pod, await this.#newest(sandboxes, pod))
    if (checkpoints.length > 0)
      powers.log.info('took up pods of an earlier kubelet', { pods: checkpoints.length })
  }

  /** The API has this pod for this node. */
  set(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    const entry = this.#entries.get(uid)
    if (entry !== undefined) {
      entry.worker.update(pod)
      if (!entry.worker.isFinished) this.#checkpoint(pod)
      return
    }
    if (this.#rejected.has(uid)) {
      this.#options.status.set(pod, pod.status ?? {}, true)
      return
    }
    const isNew =
      pod.status?.startTime === undefined &&
      !isPodTerminal(pod) &&
      pod.metadata.deletionTimestamp === undefined
    if (isNew && !this.#admit(pod)) return
    this.#accept(pod)
  }

  #accept(pod: Pod): void {
    const { context } = this.#options
    if (!isPodTerminal(pod)) this.#checkpoint(pod)
    this.#start(pod, undefined)
    context.powers.log.debug('pod came in', { pod: pod.metadata.name, namespace: pod.metadata.namespace })
  }

  /** The API has this pod no more. */
  delete(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    this.#options.status.forget(uid)
    this.#rejected.delete(uid)
    this.#asking.delete(uid)
    const entry = this.#entries.get(uid)
    if (entry === undefined) return
    entry.isGone = true
    if (entry.worker.isFinished) this.#dispose(uid, entry)
    // Deleted by force: nobody waits for it any more, but its processes get their grace all the same.
    else
      entry.worker.terminate({ graceSeconds: pod.metadata.deletionGracePeriodSeconds ?? graceSecondsOf(pod) })
  }

  /** The first list is here: end every pod that it does not have, let the others start containers. */
  synced(known: ReadonlySet<string>): void {
    this.notify(undefined)
    for (const [uid, { worker }] of [...this.#entries]) if (!known.has(uid)) this.delete(worker.pod)
  }

  /** Something changed on the machine. Undefined: nobody knows what. */
  notify(podUid: string | undefined): void {
    for (const [uid, { worker }] of this.#entries) if (podUid === undefined || podUid === uid) worker.notify()
  }

  /** Workers stop; containers go on. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#entries.values(), ({ worker }) => worker.close()))
  }

  #start(pod: Pod, sandbox: Sandbox | undefined): void {
    const uid = pod.metadata.uid ?? ''
    const worker = new PodWorker({
      context: this.#options.context,
      pod,
      sandbox,
      onFinished: () => {
        const entry = this.#entries.get(uid)
        if (entry?.isGone === true) this.#dispose(uid, entry)
      },
    })
    this.#entries.set(uid, { worker, isGone: false })
    worker.update(pod)
  }

  /** Of several sandboxes (a crash between two) the newest counts, the others go. */
  async #newest(sandboxes: readonly Sandbox[], pod: Pod): Promise<Sandbox | undefined> {
    const own = sandboxes
      .filter((sandbox) => sandbox.podUid === pod.metadata.uid)
      .sort((a, b) => b.createdAtMs - a.createdAtMs)
    for (const old of own.slice(1)) await this.#options.context.host.network.tearDown(old.id)
    return own[0]
  }

  #admit(pod: Pod): boolean {
    const rejection = this.#rejectionOf(pod, this.#options.node())
    if (rejection === undefined) return true
    // The node's labels may have changed since this kubelet last saw them, and its scheduler be ahead of us:
    // a pod refused on old labels is replaced by another and refused again, without end.
    if (rejection.reason === 'NodeAffinity') this.#admitByFreshNode(pod)
    else this.#reject(pod, rejection)
    return false
  }

  #rejectionOf(pod: Pod, node: Node | undefined): Rejection | undefined {
    const { context, allocatable } = this.#options
    const others = Array.from(this.#entries.values(), ({ worker }) => ({
      ...worker.pod,
      status: worker.status,
    }))
    return admitPod({
      pod,
      nodeName: context.config.nodeName,
      node,
      allocatable,
      others: others.filter((other) => !isPodTerminal(other)),
    })
  }

  #admitByFreshNode(pod: Pod): void {
    const { tasks, fetchNode } = this.#options
    const uid = pod.metadata.uid ?? ''
    if (this.#asking.has(uid)) return
    this.#asking.add(uid)
    tasks.run('look at the node again', async (signal) => {
      try {
        const rejection = this.#rejectionOf(pod, await fetchNode(signal))
        if (!this.#asking.has(uid) || this.#entries.has(uid)) return
        if (rejection === undefined) this.#accept(pod)
        else this.#reject(pod, rejection)
      } finally {
        this.#asking.delete(uid)
      }
    })
  }

  #reject(pod: Pod, { reason, message }: Rejection): void {
    const { context, status } = this.#options
    this.#rejected.add(pod.metadata.uid ?? '')
    context.events.event(pod, 'Warning', reason, message)
    status.set(
      pod,
      { phase: 'Failed', reason, message, startTime: formatTime(context.powers.clock.wallMs()) },
      true,
    )
  }

  #checkpoint(pod: Pod): void {
    const { tasks, context } = this.#options
    tasks.run('checkpoint a pod', () => context.host.checkpoints.save(pod))
  }

  /** Takes away the last traces of a pod: records, logs, cgroups, checkpoint. */
  #dispose(uid: string, entry: Entry): void {
    const { tasks, context } = this.#options
    if (this.#entries.get(uid) !== entry) return
    this.#entries.delete(uid)
    tasks.run('dispose of a pod', async () => {
      const { host, powers } = context
      await entry.worker.close()
      try {
        for (const record of await host.runtime.list(uid)) await host.runtime.remove(record.id)
        await host.runtime.releasePod(uid)
        await host.volumes.removePod(uid)
        await host.checkpoints.remove(uid)
      } catch (error) {
        powers.log.error('a pod left something behind; the next start clears it', {
          pod: entry.worker.pod.metadata.name,
          error: messageOf(error),
        })
      }
    })
  }
}
