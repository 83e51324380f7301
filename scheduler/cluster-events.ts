/**
 * From informers to cache and queue: who occupies a node goes to the cache, who waits for one goes to the
 * queue, and everything that may help a waiting pod is told to the queue.
 *
 * A handler hears a filled informer's objects at once when it is registered, so a new core starts complete.
 */
import { deepEqual } from '../api/meta/json.ts'
import { isPodTerminal } from '../api/core/pod-conditions.ts'
import type { Namespace, Node, Pod } from '../api/types.ts'
import type { Informer } from '../client/index.ts'
import { podInfoOf } from './cache/pod-info.ts'
import type { ClusterChange } from './framework/cluster-change.ts'
import { assignedPodChanges, nodeChanges } from './queue/pod-changes.ts'
import type { SchedulerCore } from './scheduler-core.ts'

export interface Sources {
  readonly nodes: Informer<Node>
  readonly pods: Informer<Pod>
  readonly namespaces?: Informer<Namespace>
}

/** Feeds a core until the result is called. Nodes first, so that pods find theirs. */
export function feedCore(core: SchedulerCore, sources: Sources, schedulerName: string): () => void {
  const feeder = new CoreFeeder(core, schedulerName)
  const detachers = [
    sources.nodes.onChange({
      add: (node) => feeder.setNode(undefined, node),
      update: (previous, next) => feeder.setNode(previous, next),
      delete: (node) => feeder.removeNode(node),
    }),
    sources.pods.onChange({
      add: (pod) => feeder.changePod(undefined, pod),
      update: (previous, next) => feeder.changePod(previous, next),
      delete: (pod) => feeder.changePod(pod, undefined),
    }),
  ]
  const { queue } = core
  const labelsChanged = (previous: Namespace, next: Namespace) => {
    if (deepEqual(previous.metadata.labels, next.metadata.labels)) return
    queue.move({ resource: 'namespace', action: 'update' })
  }
  const detachNamespaces = sources.namespaces?.onChange({
    add: () => queue.move({ resource: 'namespace', action: 'add' }),
    update: labelsChanged,
  })
  return () => {
    detachNamespaces?.()
    for (const detach of detachers) detach()
  }
}

/** Turns single changes of nodes and pods into calls of cache and queue. Exported for tests. */
export class CoreFeeder {
  readonly #core: Pick<SchedulerCore, 'cache' | 'queue'>
  readonly #schedulerName: string

  constructor(core: Pick<SchedulerCore, 'cache' | 'queue'>, schedulerName: string) {
    this.#core = core
    this.#schedulerName = schedulerName
  }

  setNode(previous: Node | undefined, next: Node): void {
    this.#core.cache.setNode(next)
    const changes: readonly ClusterChange[] =
      previous === undefined ? [{ resource: 'node', action: 'add', next }] : nodeChanges(previous, next)
    for (const change of changes) this.#core.queue.move(change)
  }

  removeNode(node: Node): void {
    this.#core.cache.removeNode(node.metadata.name ?? '')
    this.#core.queue.move({ resource: 'node', action: 'delete', previous: node })
  }

  /** `previous` undefined: new; `next` undefined: gone. Both have one uid. */
  changePod(previous: Pod | undefined, next: Pod | undefined): void {
    const { cache, queue } = this.#core
    const pod = next ?? previous
    if (pod === undefined) return
    const uid = pod.metadata.uid ?? ''
    const wasOnNode = previous !== undefined && occupiesNode(previous)
    if (next !== undefined && occupiesNode(next)) {
      cache.setPod(next)
      queue.delete(uid)
      const changes: readonly ClusterChange[] =
        wasOnNode && previous
          ? assignedPodChanges(previous, next)
          : [{ resource: 'assignedPod', action: 'add', next }]
      for (const change of changes) queue.move(change)
      return
    }
    if (wasOnNode) {
      cache.removePod(uid)
      queue.move({ resource: 'assignedPod', action: 'delete', previous })
      return
    }
    if (next !== undefined && this.#isWaiting(next)) this.#changeWaiting(previous, next)
    else this.#dropWaiting(uid, pod)
  }

  #changeWaiting(previous: Pod | undefined, next: Pod): void {
    const { cache, queue } = this.#core
    const info = podInfoOf(next)
    // Our own decision about it is under way; what it was before is of no interest.
    if (cache.isAssumed(info.uid)) return
    if (previous === undefined) queue.add(info)
    else queue.update(podInfoOf(previous), info)
  }

  /** Gone, finished, or handed to another scheduler before it had a node. */
  #dropWaiting(uid: string, pod: Pod): void {
    const { cache, queue } = this.#core
    queue.delete(uid)
    if (cache.forget(uid)) queue.move({ resource: 'assignedPod', action: 'delete', previous: pod })
  }

  #isWaiting(pod: Pod): boolean {
    return !isPodTerminal(pod) && (pod.spec?.schedulerName ?? 'default-scheduler') === this.#schedulerName
  }
}

function occupiesNode(pod: Pod): boolean {
  return (pod.spec?.nodeName ?? '') !== '' && !isPodTerminal(pod)
}
