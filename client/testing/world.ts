/** A simulated world with replicas of a fake API server and clients, for tests only. */
import { SimWorld, type SimProcess } from '../../platform/sim/index.ts'
import { type ApiClient, createApiClient } from '../api-client.ts'
import { FakeCluster, startFakeApiserver } from './fake-apiserver.ts'

export interface TestWorld {
  readonly world: SimWorld
  readonly cluster: FakeCluster
  readonly servers: readonly SimProcess[]
  /** A new process with a client of its own. */
  client(name: string): { readonly process: SimProcess; readonly client: ApiClient }
  /** Runs until `condition` holds. @throws when it does not in time, with the last log lines */
  until(condition: () => boolean, what: string, timeoutMs?: number): Promise<void>
  /** Awaits a promise while virtual time runs. */
  settle<T>(promise: Promise<T>, timeoutMs?: number): Promise<T>
}

/** Replicas a1, a2, … on one cluster. */
export async function testWorld(seed: bigint, replicas = 2): Promise<TestWorld> {
  const world = new SimWorld(seed)
  const keeper = world.startProcess({ name: 'store', machine: world.machine('store') })
  const cluster = new FakeCluster(keeper.powers)
  const names = Array.from({ length: replicas }, (_, index) => `a${index + 1}`)
  const servers: SimProcess[] = []
  for (const name of names) {
    const process = world.startProcess({ name, machine: world.machine(name) })
    servers.push(process)
    await startFakeApiserver(process.powers, cluster, { host: name, port: 6443 })
  }
  const until: TestWorld['until'] = async (condition, what, timeoutMs = 60_000) => {
    if (await world.runUntil(condition, timeoutMs)) return
    const log = world.logLines.slice(-20).join('\n')
    throw new Error(`${what}: not within ${timeoutMs} ms\n${JSON.stringify(world.violations)}\n${log}`)
  }
  return {
    world,
    cluster,
    servers,
    client: (name) => {
      const process = world.startProcess({ name, machine: world.machine(name) })
      const client = createApiClient(process.powers, {
        servers: names.map((server) => `http://${server}:6443`),
        userAgent: name,
      })
      return { process, client }
    },
    until,
    settle: async (promise, timeoutMs = 60_000) => {
      let isSettled = false
      const watched = promise.finally(() => {
        isSettled = true
      })
      watched.catch(() => {})
      await until(() => isSettled, 'a promise', timeoutMs)
      return promise
    },
  }
}
