/**
 * From a wish to a running cluster. What does not depend on one another runs at the same time: certificates
 * beside the network, and all processes at once.
 */
import { messageOf } from '../../platform/assert.ts'
import type { Powers } from '../../platform/powers.ts'
import type { Listener } from '../../platform/network.ts'
import { CliError } from '../cli-error.ts'
import {
  type ClusterFile,
  clusterPaths,
  type ProcessSpec,
  writeClusterFile,
} from '../cluster/cluster-file.ts'
import { writeConfiguration } from '../cluster/configuration.ts'
import { lockDirectory, prepareDirectory } from '../cluster/directory.ts'
import { ensureFirstImages } from '../cluster/image-directory.ts'
import { chooseRuntime, runtimeWishOf } from '../cluster/machine.ts'
import { clusterIdentity, ensurePki } from '../cluster/pki.ts'
import { settleCluster, type UpWish } from '../cluster/wish.ts'
import { ensureNodeNetwork } from '../network/node-network.ts'
import { endPods, removeNodes } from '../network/node-cleanup.ts'
import type { Step } from '../output/steps.ts'
import type { Shell } from '../shell.ts'
import { writeControlFile } from './control-file.ts'
import { listenControl } from './control-server.ts'
import { endLeftovers } from './leftovers.ts'
import { lastError, trimLogs } from './log-files.ts'
import { awaitReady, type Readiness } from './readiness.ts'
import { Supervisor } from './supervisor.ts'

export interface BringUpOptions {
  readonly shell: Shell
  readonly powers: Powers
  readonly wish: UpWish
  readonly dir: string
  /** `auto`, `runc` or `fake`; undefined: as it was. */
  readonly runtime: string | undefined
  readonly timeoutMs: number
  readonly onStep: (step: Step) => void
  readonly onNote: (note: string) => void
  /** Someone asked for a stop, by the control port. */
  readonly onStop: () => void
  readonly signal: AbortSignal
}

export interface RunningCluster {
  readonly cluster: ClusterFile
  readonly dir: string
  readonly supervisor: Supervisor
  readonly readiness: Readiness
  readonly readyMs: number
  /** Of what is missing, the reason, where its log has one. */
  readonly reasons: Readonly<Record<string, string>>
  /** Stops processes and pods, in order, and releases the directory; state stays on disk. */
  stop(): Promise<void>
  /** Kills everything at once. */
  stopNow(): Promise<void>
}

const stepsTotal = 8

/** @throws CliError; what was started by then has been stopped */
export async function bringUp(options: BringUpOptions): Promise<RunningCluster> {
  const { powers, dir } = options
  const startMs = powers.clock.monotonicMs()
  const steps = new StepCounter(options)
  const existing = prepareDirectory(powers.files, dir)
  const lock = lockDirectory(powers, { dir, name: existing?.name ?? options.wish.name })
  let supervisor: Supervisor | undefined
  let listener: Listener | undefined
  const stop = async (isGentle: boolean) => {
    await (isGentle ? supervisor?.stop() : supervisor?.stopNow())
    await listener?.close()
    powers.files.remove(clusterPaths(dir).control)
    lock.release()
  }
  try {
    const { cluster, network } = await prepare(options, existing, steps)
    supervisor = new Supervisor({
      powers,
      cluster,
      dir,
      nodePath: options.shell.nodePath,
      nodeVersion: options.shell.nodeVersion,
      entry: options.shell.entry,
      faultToken: powers.files.readText(`${clusterPaths(dir).run}/fault-token`),
      env: childEnvironment(options.shell, dir),
      onNote: options.onNote,
    })
    listener = await openControl(options, supervisor)
    trimLogs(powers.files, clusterPaths(dir).logs)
    await supervisor.start((spec) => !needsNetwork(spec))
    await network
    steps.done('network', networkDetail(cluster))
    await supervisor.start(needsNetwork)
    const images = cluster.runtime.kind === 'runc' ? firstImages(options) : Promise.resolve()
    const readiness = await awaitReady({
      powers,
      cluster,
      supervisor,
      adminTls: clusterIdentity(powers.files, dir, 'admin'),
      timeoutMs: options.timeoutMs,
      signal: options.signal,
      onStage: (name, detail) => steps.done(name, detail),
    })
    await images
    return {
      cluster,
      dir,
      supervisor,
      readiness,
      readyMs: Math.round(powers.clock.monotonicMs() - startMs),
      reasons: reasonsOf(options, readiness.missing),
      stop: async () => {
        await stop(true)
        await endPods(powers, { cluster, dir })
      },
      stopNow: () => stop(false),
    }
  } catch (error) {
    await stop(false)
    throw error
  }
}

/** Apiservers listen on the bridge; kubelets and proxies live in the namespaces. */
function needsNetwork(spec: ProcessSpec): boolean {
  return spec.kind === 'apiserver' || spec.kind === 'kubelet' || spec.kind === 'proxy'
}

/** Everything before the first process: preflight and certificates; the network is still being made when it returns. */
async function prepare(
  options: BringUpOptions,
  existing: ClusterFile | undefined,
  steps: StepCounter,
): Promise<{ readonly cluster: ClusterFile; readonly network: Promise<void> }> {
  const { powers, shell, dir, wish } = options
  const paths = clusterPaths(dir)
  const leftovers = await endLeftovers(powers, paths.children)
  if (leftovers.length > 0) options.onNote(`ended what an earlier run had left: ${leftovers.join(' ')}`)
  const runtime = chooseRuntime(shell, powers.files, options.runtime ?? runtimeWishOf(existing))
  const { cluster, conflict } = await settleCluster(powers, shell, { wish, dir, existing, runtime })
  if (conflict) {
    options.onNote(
      `${conflict.name} cannot have port ${conflict.port}, held by ${conflict.holder}: using ${cluster.basePort} and up instead`,
    )
  }
  if (existing?.network && JSON.stringify(existing.network) !== JSON.stringify(cluster.network)) {
    await removeNodes(powers, { cluster: existing, dir })
  }
  writeClusterFile(powers.files, dir, cluster)
  steps.done(
    'preflight',
    existing ? `cluster ${cluster.name}, made ${cluster.createdAt}` : `new cluster ${cluster.name}`,
  )
  const network = cluster.network
    ? ensureNodeNetwork(powers, cluster.network, `${paths.run}/ip-forward`)
    : Promise.resolve()
  network.catch(() => {}) // it is awaited by the caller; certificates may fail first
  const pki = await ensurePki({
    files: powers.files,
    dir,
    cluster,
    nowMs: powers.clock.wallMs(),
    loadMaker: () => import('../../platform/node/certificates.ts'),
  })
  writeConfiguration(powers.files, { dir, cluster, faultToken: tokenText(powers) })
  steps.done('certificates', pki.issued > 0 ? `3 authorities, ${pki.issued} issued` : `${pki.kept} kept`)
  return { cluster, network }
}

function reasonsOf(options: BringUpOptions, missing: readonly string[]): Readonly<Record<string, string>> {
  const { logs } = clusterPaths(options.dir)
  const reasons = missing.flatMap((name) => {
    const reason = lastError(options.powers.files, `${logs}/${name}.log`)
    return reason === undefined ? [] : [[name, reason] as const]
  })
  return Object.fromEntries(reasons)
}

async function firstImages(options: BringUpOptions): Promise<void> {
  try {
    const problem = await ensureFirstImages(options.powers, options.shell, options.dir)
    if (problem !== undefined) options.onNote(problem)
  } catch (error) {
    options.onNote(`skedia.local/web:1 could not be made: ${messageOf(error)}`)
  }
}

/**
 * `SKEDIA_SUPERVISED` tells a process to end when its supervisor does; `NODE_COMPILE_CACHE` lets Node 22 and
 * newer keep compiled code from one start to the next; `MALLOC_ARENA_MAX` keeps glibc from giving each of
 * libuv's and LevelDB's threads an arena of its own, which no one gives back: a member held 138 MB with it
 * and 170 to 280 without, after 50,000 writes of 1 KiB.
 */
function childEnvironment(shell: Shell, dir: string): Readonly<Record<string, string>> {
  const inherited = Object.entries(shell.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  const cache = `${clusterPaths(dir).run}/compile-cache`
  return {
    NODE_COMPILE_CACHE: cache,
    MALLOC_ARENA_MAX: '2',
    ...Object.fromEntries(inherited),
    SKEDIA_SUPERVISED: '1',
  }
}

function networkDetail(cluster: ClusterFile): string {
  const { network } = cluster
  if (network === undefined) return `loopback only (${cluster.runtime.reason})`
  return `${network.bridge} ${network.nodeCidr}, pods ${network.podCidr}`
}

async function openControl(options: BringUpOptions, supervisor: Supervisor): Promise<Listener> {
  const { powers, dir } = options
  const token = tokenText(powers)
  const listener = await listenControl({ network: powers.network, token, supervisor, onStop: options.onStop })
  const { pid } = powers.processes
  const startTicks = powers.processes.find(pid)?.startTicks
  if (startTicks === undefined) {
    throw new CliError({ code: 'E_BUG', message: 'cannot find my own process in /proc', found: `pid ${pid}` })
  }
  writeControlFile(powers.files, clusterPaths(dir).control, {
    pid,
    startTicks,
    port: listener.address.port,
    token,
  })
  return listener
}

function tokenText(powers: Powers): string {
  return Array.from(powers.random.bytes(24), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Numbers the steps and times each from the end of the one before. */
class StepCounter {
  readonly #options: BringUpOptions
  #lastMs: number
  #count = 0

  constructor(options: BringUpOptions) {
    this.#options = options
    this.#lastMs = options.powers.clock.monotonicMs()
  }

  done(name: string, detail: string): void {
    const nowMs = this.#options.powers.clock.monotonicMs()
    this.#count += 1
    this.#options.onStep({
      name,
      detail,
      ms: Math.round(nowMs - this.#lastMs),
      n: this.#count,
      of: stepsTotal,
    })
    this.#lastMs = nowMs
  }
}
