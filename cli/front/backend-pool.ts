/** The apiservers behind the front: what is known of each, and who gets the next connection. */
import { type Address, formatAddress } from '../../platform/network.ts'

/** `unready`: it answers, and says that it is not ready. `dead`: refused, reset or silent. */
export type BackendState = 'unknown' | 'ready' | 'unready' | 'dead'

export class Backend {
  readonly address: Address
  readonly name: string
  /** How to close each connection that goes to it. */
  readonly connections = new Set<() => void>()
  #state: BackendState = 'unknown'
  #reason = ''

  constructor(address: Address) {
    this.address = address
    this.name = formatAddress(address)
  }

  get state(): BackendState {
    return this.#state
  }

  get reason(): string {
    return this.#reason
  }

  /** What its health check said. */
  markAnswered(isReady: boolean): void {
    this.#state = isReady ? 'ready' : 'unready'
    this.#reason = ''
  }

  /** It refuses or says nothing: its connections are closed, so that their clients turn to another. */
  markDead(reason: string): void {
    this.#state = 'dead'
    this.#reason = reason
    this.drop()
  }

  /** Closes every connection to it. */
  drop(): void {
    for (const close of [...this.connections]) close()
    this.connections.clear()
  }
}

const order: Readonly<Record<BackendState, number>> = { ready: 0, unknown: 1, unready: 2, dead: 3 }

export class BackendPool {
  readonly backends: readonly Backend[]
  #turn = 0

  constructor(addresses: readonly Address[]) {
    this.backends = addresses.map((address) => new Backend(address))
  }

  /**
   * Whom to try, best first: ready ones by the number of their connections, equal ones in turn; then those
   * that may still answer. Dead ones come last: the health check may just not have seen them come back.
   */
  candidates(): readonly Backend[] {
    this.#turn += 1
    const count = this.backends.length
    const turned = this.backends.map((_, index) => this.backends[(index + this.#turn) % count])
    return turned
      .filter((backend) => backend !== undefined)
      .sort(
        (one, other) =>
          order[one.state] - order[other.state] || one.connections.size - other.connections.size,
      )
  }
}
