/**
 * The controller manager: contends for the Lease, and runs every controller while it leads.
 *
 *   standby ── wins ──► fresh caches, wait for them, start all ── loses or closes ──► stop all ──► standby
 *
 * Each term starts from nothing: caches and expectations of an earlier term are never used again, so a
 * manager that was paused through someone else's term cannot act on what it remembers.
 */
import { runLeaderElection } from '../client/index.ts'
import { messageOf } from '../platform/assert.ts'
import type { Component } from '../platform/powers.ts'
import { TaskGroup } from '../platform/tasks.ts'
import { controllers } from './catalog.ts'
import { createContext } from './framework/context.ts'
import type { Controller, ControllerManagerConfig, ControllerPowers } from './framework/controller.ts'
import { checkClusterCidr } from './node-ipam.ts'

/** The Lease in kube-system. */
export const leaseName = 'kube-controller-manager'

export interface ControllerManagerStatus {
  readonly leading: boolean
  /** Who leads, as last seen. */
  readonly leader: string | undefined
  /** True once the caches of this term are filled and the controllers run. */
  readonly running: boolean
  readonly controllers: readonly string[]
}

export interface ControllerManager extends Component {
  isLeading(): boolean
  status(): ControllerManagerStatus
}

/** The controllers that `names` choose; `*` is all, `-name` leaves one out. @throws on an unknown name */
export function chooseControllers(
  all: readonly Controller[],
  names: readonly string[] | undefined,
): readonly Controller[] {
  const wanted = names ?? ['*']
  const known = new Set(all.map(({ name }) => name))
  for (const name of wanted) {
    if (name === '*' || known.has(name.replace(/^-/, ''))) continue
    throw new Error(`unknown controller "${name}"; known are: ${[...known].sort().join(', ')}`)
  }
  return all.filter(({ name }) => {
    if (wanted.includes(`-${name}`)) return false
    return wanted.includes(name) || wanted.includes('*')
  })
}

/** Starts a manager; it serves (stands by) when the promise resolves. */
export async function startControllerManager(
  powers: ControllerPowers,
  config: ControllerManagerConfig,
): Promise<ControllerManager> {
  const chosen = chooseControllers(controllers, config.controllers)
  if (config.clusterCidr) checkClusterCidr(config.clusterCidr)
  let isRunning = false
  const election = runLeaderElection(powers, {
    client: config.client,
    leaseName,
    identity: config.identity,
    timings: config.leaderElection,
    onStartedLeading: async (signal) => {
      await runTerm(powers, config, { chosen, signal, onRunning: () => (isRunning = true) })
      isRunning = false
    },
  })
  return {
    isLeading: () => election.isLeading(),
    status: () => ({
      leading: election.isLeading(),
      leader: election.holder(),
      running: isRunning,
      controllers: chosen.map(({ name }) => name),
    }),
    close: () => election.close(),
  }
}

/** One term of leadership: resolves when `signal` has aborted and everything has ended. */
async function runTerm(
  powers: ControllerPowers,
  config: ControllerManagerConfig,
  term: { chosen: readonly Controller[]; signal: AbortSignal; onRunning: () => void },
): Promise<void> {
  const tasks = new TaskGroup((error, name) => {
    powers.log.error('a controller task failed', { task: name, error: messageOf(error) })
    powers.fatal(error)
  })
  const running = createContext(powers, config, tasks)
  const ended = new Promise<void>((resolve) => {
    if (term.signal.aborted) resolve()
    term.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  try {
    for (const controller of term.chosen) controller.start(running.context)
    const started = running.start().then(term.onRunning)
    // A term may end before its caches are filled; the start then rejects with the group's end.
    started.catch((error: unknown) => {
      if (!tasks.isClosed) powers.fatal(error instanceof Error ? error : new Error(String(error)))
    })
    await ended
  } finally {
    await tasks.close()
    await running.close()
  }
}
