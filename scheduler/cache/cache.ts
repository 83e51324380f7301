/**
 * What the scheduler believes about nodes and the pods on them: what the informers said, plus the pods
 * that it has decided about and whose binding has not come back yet (assumed pods).
 *
 *                    forget (binding failed)
 *              ┌──────────────────────────────┐
 *              ▼                              │
 *   (unknown) ──assume──▶ assumed ──finishBinding──▶ assumed, expiring ──┐
 *       │                    │                              │            │ expire: nobody knows it
 *       │  setPod            │ setPod                       │ setPod     ▼
 *       └───────────────▶  added  ◀──────────────────────────┘        (unknown)
 *
 * Invariants: a pod is counted on exactly one node, or on none; the informers win over an assumption;
 * pods may be known before their node is, and stay known after it is gone, until they go themselves.
 * Informers of nodes and pods may be heard in any order.
 *
 * Source: `pkg/scheduler/backend/cache`.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Node, Pod } from '../../api/types.ts'
import { type NodeInfo, nodeInfoOf, withNode, withoutPod, withPod, zoneOf } from './node-info.ts'
import { type PodInfo, podInfoOf } from './pod-info.ts'
import type { Snapshot } from './snapshot.ts'

/** How long a bound pod stays assumed when no informer ever mentions it. */
export const assumedPodExpiryMs = 120_000

interface KnownPod {
  readonly info: PodInfo
  readonly nodeName: string
  readonly isAssumed: boolean
  /** Set once the binding was acknowledged. */
  readonly expiresAtMs: number | undefined
}

export class SchedulerCache {
  readonly #clock: Clock
  readonly #pods = new Map<string, KnownPod>()
  readonly #podsByNode = new Map<string, Map<string, PodInfo>>()
  readonly #nodes = new Map<string, NodeInfo>()
  readonly #imageNodes = new Map<string, number>()
  readonly #expiring = new Set<string>()
  /** The nodes in the order of snapshots, and where each stands; undefined when the order is to be found anew. */
  #list: NodeInfo[] = []
  #positions: ReadonlyMap<string, number> | undefined
  #snapshot: Snapshot | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get nodesTotal(): number {
    return this.#nodes.size
  }

  /** A node was added or changed. */
  setNode(node: Node): void {
    const name = node.metadata.name ?? ''
    const previous = this.#nodes.get(name)
    const next = previous
      ? withNode(previous, node)
      : nodeInfoOf(node, Array.from(this.#podsByNode.get(name)?.values() ?? []))
    this.#countImages(previous, next)
    if (previous === undefined || zoneOf(previous.node) !== zoneOf(node)) this.#positions = undefined
    this.#put(name, next)
  }

  /** A node is gone. Its pods stay known until they go themselves. */
  removeNode(name: string): void {
    const previous = this.#nodes.get(name)
    if (previous === undefined) return
    this.#countImages(previous, undefined)
    this.#nodes.delete(name)
    this.#positions = undefined
    this.#snapshot = undefined
  }

  /** An informer said that this pod, which is not terminal, occupies its node. Ends an assumption. */
  setPod(pod: Pod): void {
    const info = podInfoOf(pod)
    const nodeName = pod.spec?.nodeName ?? ''
    this.#drop(info.uid)
    this.#expiring.delete(info.uid)
    this.#pods.set(info.uid, { info, nodeName, isAssumed: false, expiresAtMs: undefined })
    this.#place(nodeName, info)
  }

  /** An informer said that the pod no longer occupies a node. */
  removePod(uid: string): void {
    this.#drop(uid)
    this.#expiring.delete(uid)
    this.#pods.delete(uid)
  }

  /** Counts a pod on the node that was chosen for it. `info` carries the node's name. */
  assume(info: PodInfo): void {
    const nodeName = info.pod.spec?.nodeName ?? ''
    if (this.#pods.has(info.uid)) throw new Error(`assume pod ${info.key}: it is already on a node`)
    this.#pods.set(info.uid, { info, nodeName, isAssumed: true, expiresAtMs: undefined })
    this.#place(nodeName, info)
  }

  /** The binding was acknowledged: from now the assumption expires unless an informer confirms it. */
  finishBinding(uid: string): void {
    const known = this.#pods.get(uid)
    if (!known?.isAssumed) return
    this.#pods.set(uid, { ...known, expiresAtMs: this.#clock.monotonicMs() + assumedPodExpiryMs })
    this.#expiring.add(uid)
  }

  /** The pod was not bound after all. No-op when an informer has confirmed it meanwhile. */
  forget(uid: string): boolean {
    if (!this.#pods.get(uid)?.isAssumed) return false
    this.removePod(uid)
    return true
  }

  isAssumed(uid: string): boolean {
    return this.#pods.get(uid)?.isAssumed ?? false
  }

  /** The node that a pod occupies, by informer or assumption. */
  nodeOf(uid: string): string | undefined {
    return this.#pods.get(uid)?.nodeName
  }

  /** Forgets assumed pods whose time is over; gives them back so that waiting pods can hear of it. */
  expireAssumed(): readonly PodInfo[] {
    const nowMs = this.#clock.monotonicMs()
    const expired: PodInfo[] = []
    for (const uid of this.#expiring) {
      const known = this.#pods.get(uid)
      if (known === undefined || known.expiresAtMs === undefined || known.expiresAtMs > nowMs) continue
      expired.push(known.info)
      this.removePod(uid)
    }
    return expired
  }

  /** The cluster now. Later changes of the cache are not seen in it. */
  snapshot(): Snapshot {
    this.#snapshot ??= this.#takeSnapshot()
    return this.#snapshot
  }

  #takeSnapshot(): Snapshot {
    if (this.#positions === undefined) this.#arrange()
    const positions = this.#positions ?? new Map<string, number>()
    const nodes = this.#list.slice()
    return {
      nodes,
      get: (name) => {
        const position = positions.get(name)
        return position === undefined ? undefined : nodes[position]
      },
      nodesWithImage: (image) => this.#imageNodes.get(image) ?? 0,
    }
  }

  #arrange(): void {
    this.#list = interleaveZones(Array.from(this.#nodes.values()))
    this.#positions = new Map(this.#list.map(({ name }, position) => [name, position]))
  }

  #put(name: string, info: NodeInfo): void {
    this.#nodes.set(name, info)
    this.#snapshot = undefined
    const position = this.#positions?.get(name)
    if (position !== undefined) this.#list[position] = info
  }

  #place(nodeName: string, info: PodInfo): void {
    const pods = this.#podsByNode.get(nodeName)
    if (pods) pods.set(info.uid, info)
    else this.#podsByNode.set(nodeName, new Map([[info.uid, info]]))
    const node = this.#nodes.get(nodeName)
    if (node) this.#put(nodeName, withPod(node, info))
  }

  #drop(uid: string): void {
    const known = this.#pods.get(uid)
    if (known === undefined) return
    const pods = this.#podsByNode.get(known.nodeName)
    pods?.delete(uid)
    if (pods?.size === 0) this.#podsByNode.delete(known.nodeName)
    const node = this.#nodes.get(known.nodeName)
    if (node) this.#put(known.nodeName, withoutPod(node, uid))
  }

  #countImages(previous: NodeInfo | undefined, next: NodeInfo | undefined): void {
    const add = (image: string, delta: number) => {
      const count = (this.#imageNodes.get(image) ?? 0) + delta
      if (count === 0) this.#imageNodes.delete(image)
      else this.#imageNodes.set(image, count)
    }
    for (const image of previous?.imageBytes.keys() ?? []) add(image, -1)
    for (const image of next?.imageBytes.keys() ?? []) add(image, 1)
  }
}

/** One node of each zone in turn, so that neighbours in the list are far apart in the world. */
function interleaveZones(nodes: readonly NodeInfo[]): NodeInfo[] {
  const zones = new Map<string, NodeInfo[]>()
  for (const info of nodes) {
    const zone = zoneOf(info.node)
    const members = zones.get(zone)
    if (members) members.push(info)
    else zones.set(zone, [info])
  }
  const order: NodeInfo[] = []
  for (let round = 0; order.length < nodes.length; round += 1) {
    for (const members of zones.values()) {
      const info = members[round]
      if (info !== undefined) order.push(info)
    }
  }
  return order
}
