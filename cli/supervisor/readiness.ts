/**
 * When a cluster is Ready: every process answers and serves, one member leads and has committed a write,
 * and every node that the cluster has is Ready in the API, asked through kubectl's own address.
 *
 * A process that keeps ending is given up after `failuresMax` tries, so that a member with a broken disk
 * does not hold up the two others: the cluster is then up without it, and says so.
 */
import { sleep } from '../../platform/clock.ts'
import type { HttpClient, TlsIdentity } from '../../platform/network.ts'
import type { Powers } from '../../platform/powers.ts'
import type { ClusterFile, ProcessKind } from '../cluster/cluster-file.ts'
import { endpointOf } from '../cluster/configuration.ts'
import { fetchText } from '../health/http-text.ts'
import { memberStatusOf, type Observation } from './cluster-status.ts'
import type { Supervisor } from './supervisor.ts'

/** Ends in a row after which a process is no longer waited for. */
export const failuresMax = 6
const pollMs = 30

/** What a stage waits for: its sentence when it is reached, undefined until then. */
export interface Stage {
  readonly name: string
  /** Only these are asked meanwhile: 13 processes that start on two cores have better things to do than to answer. */
  readonly kinds: readonly ProcessKind[]
  readonly reached: (observations: readonly Observation[]) => Promise<string | undefined>
}

export interface ReadinessOptions {
  readonly powers: Powers
  readonly cluster: ClusterFile
  readonly supervisor: Supervisor
  readonly adminTls: TlsIdentity
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Called once per stage, in order. */
  readonly onStage: (name: string, detail: string, ms: number) => void
}

/** How waiting ended: `missing` names the processes and nodes that did not come. */
export interface Readiness {
  readonly missing: readonly string[]
  readonly timedOut: boolean
}

/** Polls until every stage is reached, given up, or the time is over. @throws the signal's reason */
export async function awaitReady(options: ReadinessOptions): Promise<Readiness> {
  const { powers, supervisor } = options
  const api = powers.network.httpClient({ tls: options.adminTls, connectTimeoutMs: 1_000 })
  const stages = stagesOf(options, api)
  const startMs = powers.clock.monotonicMs()
  let stageStartMs = startMs
  try {
    for (const stage of stages) {
      for (;;) {
        const detail = await stage.reached(await supervisor.observe(stage.kinds))
        const nowMs = powers.clock.monotonicMs()
        if (detail !== undefined) {
          options.onStage(stage.name, detail, nowMs - stageStartMs)
          stageStartMs = nowMs
          break
        }
        if (nowMs - startMs > options.timeoutMs) {
          const silent = unready(await supervisor.observe())
          return { missing: silent.length > 0 ? silent : [stage.name], timedOut: true }
        }
        await sleep(powers.clock, pollMs, options.signal)
      }
    }
    return { missing: givenUp(await supervisor.observe()), timedOut: false }
  } finally {
    api.close()
  }
}

function stagesOf(options: ReadinessOptions, api: HttpClient): readonly Stage[] {
  const managers = ['controller-manager', 'scheduler'] as const
  const onNodes = ['kubelet', 'proxy'] as const
  return [
    { name: 'members', kinds: ['store'], reached: async (all) => whenReady(all, 'listening') },
    { name: 'election', kinds: ['store'], reached: async (all) => electedLeader(all) },
    {
      name: 'apiservers, front',
      kinds: ['apiserver', 'front'],
      reached: async (all) => whenReady(all, 'ready'),
    },
    { name: 'controllers, scheduler', kinds: managers, reached: async (all) => leadersOf(all, managers) },
    {
      name: options.cluster.runtime.kind === 'runc' ? 'nodes' : 'nodes (fake runtime)',
      kinds: onNodes,
      reached: async (all) => {
        if (all.length === 0) return 'none asked for'
        return whenReady(all, 'ready') === undefined ? undefined : readyNodes(options, api, all)
      },
    },
  ]
}

function whenReady(all: readonly Observation[], word: string): string | undefined {
  const group = all.filter((one) => !isGivenUp(one))
  if (group.length === 0 || !group.every((one) => one.health?.ready)) return undefined
  return `${group.map((one) => one.view.name).join(' ')} ${word}`
}

function electedLeader(all: readonly Observation[]): string | undefined {
  for (const one of all) {
    const status = memberStatusOf(one)
    // The leader's first entry is its own no-op: an applied index says that a majority has written.
    if (status?.role === 'leader' && status.appliedIndex > 0) {
      return `${one.view.name} leads term ${status.term}, ${status.appliedIndex} committed`
    }
  }
  return undefined
}

/** Stand-bys answer too; what counts is that of each kind one leads. */
function leadersOf(all: readonly Observation[], kinds: readonly ProcessKind[]): string | undefined {
  if (whenReady(all, '') === undefined) return undefined
  const leaders = kinds.map((kind) => all.find((one) => one.view.kind === kind && one.health?.leading))
  if (leaders.some((leader) => leader === undefined)) return undefined
  return `leases held by ${leaders.map((leader) => leader?.view.name).join(', ')}`
}

async function readyNodes(
  options: ReadinessOptions,
  api: HttpClient,
  all: readonly Observation[],
): Promise<string | undefined> {
  const { powers, cluster, signal } = options
  const wanted = [
    ...all.flatMap((one) =>
      one.view.kind === 'kubelet' && !isGivenUp(one) && one.view.name !== 'fake' ? [one.view.name] : [],
    ),
    ...Array.from({ length: cluster.shape.fakeNodes }, (_, index) => `fake-${index + 1}`),
  ]
  try {
    const url = `${endpointOf(cluster)}/api/v1/nodes`
    const { status, text } = await fetchText(powers, api, { url, timeoutMs: 2_000, signal })
    if (status !== 200) return undefined
    const ready = new Set(namesOfReadyNodes(JSON.parse(text)))
    if (!wanted.every((name) => ready.has(name))) return undefined
    return wanted.length > 4 ? `${wanted.length} Ready` : `${wanted.join(' ')} Ready`
  } catch {
    return undefined // the front or an apiserver is not there yet
  }
}

/** Names of the nodes in a NodeList whose condition Ready is True. */
export function namesOfReadyNodes(list: unknown): readonly string[] {
  const items = field(list, 'items')
  if (!Array.isArray(items)) return []
  return items.flatMap((node: unknown) => {
    const conditions = field(field(node, 'status'), 'conditions')
    const isReady =
      Array.isArray(conditions) &&
      conditions.some((one: unknown) => field(one, 'type') === 'Ready' && field(one, 'status') === 'True')
    const name = field(field(node, 'metadata'), 'name')
    return isReady && typeof name === 'string' ? [name] : []
  })
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.entries(value).find(([key]) => key === name)?.[1]
}

function isGivenUp(one: Observation): boolean {
  return one.health === undefined && one.view.failuresInRow >= failuresMax
}

function givenUp(all: readonly Observation[]): readonly string[] {
  return all.filter(isGivenUp).map((one) => one.view.name)
}

function unready(all: readonly Observation[]): readonly string[] {
  return all.filter((one) => !one.health?.ready).map((one) => one.view.name)
}
