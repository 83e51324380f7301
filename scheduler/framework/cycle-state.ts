/**
 * What plugins remember within one scheduling cycle of one pod. Each plugin owns a `StateSlot` that it
 * made when it was built; a slot can only be read with the type it was made for, and no plugin can see
 * another's. Preemption tries things out on a clone.
 */

/** One pod's cycle. Holds which slots were written, not their values. */
export class CycleState {
  /** Filter plugins that said in preFilter that they have nothing to check. */
  readonly skippedFilters = new Set<string>()
  /** Score plugins that said in preScore that they have nothing to say. */
  readonly skippedScores = new Set<string>()
  readonly #slots = new Set<{ copy(from: CycleState, to: CycleState): void }>()

  /** Called by a slot when it is first written. */
  note(slot: { copy(from: CycleState, to: CycleState): void }): void {
    this.#slots.add(slot)
  }

  /** An independent copy: changes of one are not seen by the other. */
  clone(): CycleState {
    const copy = new CycleState()
    for (const name of this.skippedFilters) copy.skippedFilters.add(name)
    for (const name of this.skippedScores) copy.skippedScores.add(name)
    for (const slot of this.#slots) slot.copy(this, copy)
    return copy
  }
}

/** A plugin's typed place in every cycle's state. */
export class StateSlot<T extends object> {
  readonly #values = new WeakMap<CycleState, T>()
  readonly #cloneValue: (value: T) => T

  /** `cloneValue` copies what later calls change; the default shares, for values that never change. */
  constructor(cloneValue: (value: T) => T = (value) => value) {
    this.#cloneValue = cloneValue
  }

  read(state: CycleState): T | undefined {
    return this.#values.get(state)
  }

  write(state: CycleState, value: T): void {
    this.#values.set(state, value)
    state.note(this)
  }

  copy(from: CycleState, to: CycleState): void {
    const value = this.#values.get(from)
    if (value !== undefined) this.write(to, this.#cloneValue(value))
  }
}
