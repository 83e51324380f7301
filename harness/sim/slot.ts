/**
 * One supervised process of a simulated cluster: started, killed, started again, as the real supervisor
 * does it. A component that cannot start (no quorum yet, say) is started again after a pause.
 */
import type { Component, Powers } from '../../platform/powers.ts'
import type { SimMachine, SimProcess, SimWorld } from '../../platform/sim/index.ts'

const restartDelayMs = 300

export type StartComponent = (powers: Powers, process: SimProcess) => Promise<Component>

export class Slot {
  readonly name: string
  readonly machine: SimMachine
  readonly #world: SimWorld
  readonly #start: StartComponent
  readonly #onDeath: (cause: 'killed' | 'power cut') => void
  #process: SimProcess | undefined
  #component: Component | undefined
  #isWanted = false

  constructor(
    world: SimWorld,
    options: {
      name: string
      machine: SimMachine
      start: StartComponent
      /** Told after the process is gone, so that what outlives it can act as its hardware would. */
      onDeath?: (cause: 'killed' | 'power cut') => void
    },
  ) {
    this.#world = world
    this.name = options.name
    this.machine = options.machine
    this.#start = options.start
    this.#onDeath = options.onDeath ?? (() => {})
  }

  get isAlive(): boolean {
    return this.#process?.isAlive === true
  }

  /** The running component, once it serves. */
  get component(): Component | undefined {
    return this.isAlive ? this.#component : undefined
  }

  start(): void {
    if (this.isAlive) return
    this.#isWanted = true
    const process = this.#world.startProcess({ name: this.name, machine: this.machine })
    this.#process = process
    this.#component = undefined
    this.#start(process.powers, process).then(
      (component) => {
        if (this.#process === process) this.#component = component
      },
      (error: unknown) => this.#restartLater(process, error),
    )
  }

  /** SIGKILL. Stays down until `start`. */
  kill(): void {
    this.#isWanted = false
    if (!this.#process?.isAlive) return
    this.#world.kill(this.#process)
    this.#onDeath('killed')
  }

  /** The machine loses power; what was not synced may be lost. */
  cutPower(): void {
    this.#isWanted = false
    this.#world.cutPower(this.machine)
    this.#onDeath('power cut')
  }

  pause(): void {
    if (this.#process?.isAlive) this.#world.pause(this.#process)
  }

  resume(): void {
    if (this.#process?.isAlive && this.#process.isPaused) this.#world.resume(this.#process)
  }

  #restartLater(process: SimProcess, error: unknown): void {
    if (!process.isAlive) return
    this.#world.log(
      this.name,
      'warn',
      `could not start: ${error instanceof Error ? error.message : String(error)}`,
    )
    this.#world.kill(process)
    this.#onDeath('killed')
    this.#world.loop.schedule({
      delayUs: restartDelayMs * 1000,
      label: `restart ${this.name}`,
      run: () => {
        if (this.#isWanted && this.#process === process) this.start()
      },
    })
  }
}
