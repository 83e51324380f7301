/**
 * Pods that preemption has promised a node to. Filters count them on their node when they are at least as
 * important as the pod at hand, so that nobody takes the room that was just made.
 *
 * Source: `pkg/scheduler/backend/queue/nominator.go`.
 */
import type { PodInfo } from '../cache/pod-info.ts'

export class Nominator {
  readonly #nodeByUid = new Map<string, string>()
  readonly #podsByNode = new Map<string, Map<string, PodInfo>>()

  /** Promises `nodeName` to the pod, or takes the promise back when it is ''. */
  nominate(info: PodInfo, nodeName: string): void {
    this.remove(info.uid)
    if (nodeName === '') return
    this.#nodeByUid.set(info.uid, nodeName)
    const pods = this.#podsByNode.get(nodeName)
    if (pods) pods.set(info.uid, info)
    else this.#podsByNode.set(nodeName, new Map([[info.uid, info]]))
  }

  remove(uid: string): void {
    const nodeName = this.#nodeByUid.get(uid)
    if (nodeName === undefined) return
    this.#nodeByUid.delete(uid)
    const pods = this.#podsByNode.get(nodeName)
    pods?.delete(uid)
    if (pods?.size === 0) this.#podsByNode.delete(nodeName)
  }

  nodeOf(uid: string): string | undefined {
    return this.#nodeByUid.get(uid)
  }

  podsOn(nodeName: string): readonly PodInfo[] {
    const pods = this.#podsByNode.get(nodeName)
    return pods ? Array.from(pods.values()) : []
  }
}
