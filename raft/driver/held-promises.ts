/** Messages that wait for the disk: in the order of their readies, each with the write that it depends on. */
import type { Message } from '../message.ts'

export class HeldPromises {
  #held: { readonly after: number; readonly messages: readonly Message[] }[] = []
  #durable = 0

  /** Takes promises that may leave once write `after` is durable; returns those that may leave at once. */
  hold(after: number, messages: readonly Message[]): readonly Message[] {
    if (messages.length === 0) return messages
    if (after <= this.#durable) return messages
    this.#held.push({ after, messages })
    return []
  }

  /** Every write up to `sequence` is durable; returns the promises that this sets free, in order. */
  release(sequence: number): readonly Message[] {
    this.#durable = Math.max(this.#durable, sequence)
    const count = this.#held.findIndex(({ after }) => after > this.#durable)
    const free = this.#held.splice(0, count < 0 ? this.#held.length : count)
    return free.flatMap(({ messages }) => messages)
  }
}
