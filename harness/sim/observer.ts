/**
 * Watches everything in the store from its first revision on, from a host that no fault touches, and checks
 * each event as it comes: revisions never go back, none comes twice, a pod is bound once.
 */
import type { Pod } from '../../api/types.ts'
import type { SimWorld } from '../../platform/sim/index.ts'
import type { StoreClient, WatchEvent } from '../../store/client/index.ts'

const text = new TextDecoder()

export interface ObservedPod {
  readonly name: string
  readonly nodeName: string | undefined
}

export class Observer {
  /** Every key's last observed value and revision. */
  readonly state = new Map<string, { readonly value: string; readonly modRevision: number }>()
  readonly bindings = new Map<string, string>()
  revision = 0
  readonly #world: SimWorld
  readonly #store: StoreClient

  constructor(world: SimWorld, store: StoreClient) {
    this.#world = world
    this.#store = store
  }

  async run(): Promise<void> {
    const everything = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) }
    const watch = this.#store.watch({ ...everything, startRevision: 1, prevKv: true, progressNotify: true })
    while (true) {
      const batch = await watch.read()
      if (batch === undefined) return
      for (const event of batch.events) this.#observe(event)
      if (batch.revision < this.revision)
        this.#world.violate(`a watch went back from revision ${this.revision} to ${batch.revision}`)
      this.revision = batch.revision
    }
  }

  #observe(event: WatchEvent): void {
    const key = text.decode(event.kv.key)
    const known = this.state.get(key)
    const { modRevision } = event.kv
    if (modRevision <= this.revision) {
      this.#world.violate(
        `a watch delivered ${key} at revision ${modRevision} after it had told of revision ${this.revision}`,
      )
    }
    if (event.prevKv !== undefined && known?.modRevision !== event.prevKv.modRevision) {
      this.#world.violate(
        `a watch skipped a change of ${key}: it replaces revision ${event.prevKv.modRevision}, the last one seen was ${known?.modRevision ?? 'none'}`,
      )
    }
    if (event.type === 'delete') {
      this.state.delete(key)
      return
    }
    const value = text.decode(event.kv.value)
    this.state.set(key, { value, modRevision })
    if (key.startsWith('/registry/pods/')) this.#observePod(JSON.parse(value) as Pod) // unsafe: the apiserver's own JSON
  }

  /** KEP-less but certain: `spec.nodeName` is written once in the life of a pod (uid). */
  #observePod(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    const nodeName = pod.spec?.nodeName
    const bound = this.bindings.get(uid)
    if (bound !== undefined && bound !== nodeName) {
      this.#world.violate(
        `pod ${pod.metadata.name} (${uid}) was bound to ${bound} and then to ${nodeName ?? 'none'}`,
      )
    }
    if (nodeName !== undefined && nodeName !== '') this.bindings.set(uid, nodeName)
  }
}
