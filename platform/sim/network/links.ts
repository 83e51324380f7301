/**
 * Directed links between hosts, and ordered streams over them. A stream behaves like TCP: it never loses
 * or reorders while it lives; a lost packet shows as a delay, a cut as silence until the link heals, and
 * only a reset ends it early.
 */
import type { Random } from '../../random.ts'
import type { EventLoop, EventOwner } from '../event-loop.ts'

/** What a link does to what is sent over it. Times in microseconds, [least, most). */
export interface LinkFaults {
  delayUs: readonly [number, number]
  /** Chance that a message's packet is lost and sent again after `retransmitUs`. */
  lossProbability: number
  retransmitUs: readonly [number, number]
  /** Nothing arrives; what is sent meanwhile is held until the link heals. */
  isCut: boolean
}

interface Held {
  readonly stream: StreamEnd
  readonly label: string
  readonly run: () => void
}

interface Link {
  readonly faults: LinkFaults
  held: Held[]
}

/** The receiving end of one direction of a stream: keeps its order. */
export interface StreamEnd {
  readonly owner: EventOwner
  readonly host: string
  lastArrivalUs: number
}

export class SimLinks {
  readonly #loop: EventLoop
  readonly #random: Random
  readonly #links = new Map<string, Link>()

  constructor(loop: EventLoop, random: Random) {
    this.#loop = loop
    this.#random = random
  }

  /** The faults of the link from one host to another, to be read and set. */
  faults(from: string, to: string): LinkFaults {
    return this.#link(from, to).faults
  }

  cut(from: string, to: string): void {
    this.#link(from, to).faults.isCut = true
  }

  /** Lets what was held arrive, in order. */
  heal(from: string, to: string): void {
    const link = this.#link(from, to)
    link.faults.isCut = false
    const held = link.held
    link.held = []
    for (const { stream, label, run } of held) this.send({ from, to: stream, label, run })
  }

  healAll(): void {
    for (const key of [...this.#links.keys()].sort()) {
      const [from, to] = key.split('>')
      if (from !== undefined && to !== undefined) this.heal(from, to)
    }
  }

  /** Runs `run` at the receiving end once the message has travelled. */
  send(options: { from: string; to: StreamEnd; label: string; run: () => void }): void {
    const { from, to, label, run } = options
    const link = this.#link(from, to.host)
    if (link.faults.isCut) {
      link.held.push({ stream: to, label, run })
      return
    }
    const { faults } = link
    let delayUs = this.#between(faults.delayUs)
    if (faults.lossProbability > 0 && this.#random.float() < faults.lossProbability)
      delayUs += this.#between(faults.retransmitUs)
    const arrivalUs = Math.max(this.#loop.nowUs + delayUs, to.lastArrivalUs)
    to.lastArrivalUs = arrivalUs
    this.#loop.schedule({ delayUs: arrivalUs - this.#loop.nowUs, label, owner: to.owner, run })
  }

  #between([least, most]: readonly [number, number]): number {
    return least + (most > least ? this.#random.int(most - least) : 0)
  }

  #link(from: string, to: string): Link {
    const key = `${from}>${to}`
    const known = this.#links.get(key)
    if (known) return known
    const isLocal = from === to
    const link: Link = {
      faults: {
        delayUs: isLocal ? [5, 50] : [50, 500],
        lossProbability: 0,
        retransmitUs: [200_000, 600_000],
        isCut: false,
      },
      held: [],
    }
    this.#links.set(key, link)
    return link
  }
}
