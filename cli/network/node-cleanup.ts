/**
 * What nodes with real pods leave in the kernel, and how it goes away. Everything is found by names that
 * only this cluster has: control groups below `/skedia/<id>`, mounts below the cluster's directory, network
 * namespaces `sk-<id>-…`, and runc's state by the ids in the nodes' records. Each function is idempotent.
 */
import { sleep } from '../../platform/clock.ts'
import type { Powers } from '../../platform/powers.ts'
import type { ClusterFile } from '../cluster/cluster-file.ts'
import { clusterPaths } from '../cluster/cluster-file.ts'
import { removeNodeNetwork } from './node-network.ts'

type CleanupPowers = Pick<Powers, 'clock' | 'files' | 'processes'>

export interface CleanupTarget {
  readonly cluster: ClusterFile
  readonly dir: string
}

const cgroupMount = '/sys/fs/cgroup'
const endTimeoutMs = 10_000
const pollMs = 10

/** Control group above all of a cluster's pods, without the mount point. */
export function cgroupOf(cluster: ClusterFile): string {
  return `/skedia/${cluster.id}`
}

/** Where runc keeps its state: its own default, so that `runc list` shows the cluster's containers. */
const runtimeRoot = '/run/runc'

/** Kills every process of every pod and waits until they are gone. Sandboxes stay, for the next start. */
export async function endPods(powers: CleanupPowers, target: CleanupTarget): Promise<void> {
  if (target.cluster.network === undefined) return
  const groups = () => cgroupDirectories(powers, target.cluster)
  const deadlineMs = powers.clock.monotonicMs() + endTimeoutMs
  for (;;) {
    const pids = new Set(groups().flatMap((directory) => processesIn(powers, directory)))
    if (pids.size === 0) return
    for (const pid of pids) powers.processes.kill(pid, 'SIGKILL')
    if (powers.clock.monotonicMs() > deadlineMs)
      throw new Error(`pods' processes ${[...pids].join(' ')} do not end`)
    await sleep(powers.clock, pollMs)
  }
}

/** Takes away everything of the nodes but their files: shims, mounts, namespaces, rules, routes, control groups. */
export async function removeNodes(powers: CleanupPowers, target: CleanupTarget): Promise<void> {
  if (target.cluster.network === undefined) return
  await endPods(powers, target)
  await endShims(powers, target)
  await unmountBelow(powers, [`${target.dir}/`])
  await removeNetworkOf(powers, target)
  await removeCgroups(powers, target.cluster)
  forgetContainers(powers, target)
}

/** Removes runc's state of the cluster's containers; their processes have ended and their control groups are gone. */
function forgetContainers(powers: CleanupPowers, target: CleanupTarget): void {
  const { nodes } = clusterPaths(target.dir)
  for (const node of listOr(powers, nodes)) {
    for (const id of listOr(powers, `${nodes}/${node}/containers`))
      powers.files.remove(`${runtimeRoot}/${id}`)
  }
}

/** Removes the cluster's bridge, namespaces, routes and table. */
async function removeNetworkOf(powers: CleanupPowers, target: CleanupTarget): Promise<void> {
  const { network } = target.cluster
  if (network === undefined) return
  const markerPath = `${clusterPaths(target.dir).run}/ip-forward`
  await removeNodeNetwork(powers, network, markerPath)
}

/** Processes outside of the pods that were started for them: they have the cluster's directory on their command line. */
async function endShims(powers: CleanupPowers, target: CleanupTarget): Promise<void> {
  const nodes = `${clusterPaths(target.dir).nodes}/`
  const find = () =>
    powers.files
      .list('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== powers.processes.pid)
      .filter((name) => readOr(powers, `/proc/${name}/cmdline`).includes(nodes))
      .map(Number)
  const deadlineMs = powers.clock.monotonicMs() + endTimeoutMs
  for (let pids = find(); pids.length > 0; pids = find()) {
    for (const pid of pids) powers.processes.kill(pid, 'SIGKILL')
    if (powers.clock.monotonicMs() > deadlineMs) throw new Error(`processes ${pids.join(' ')} do not end`)
    await sleep(powers.clock, pollMs)
  }
}

/** Unmounts all that is mounted below the given prefixes, the deepest first. */
async function unmountBelow(powers: CleanupPowers, prefixes: readonly string[]): Promise<void> {
  const mounts = mountsBelow(powers, prefixes)
  for (let from = 0; from < mounts.length; from += 200) {
    await powers.processes.run({
      command: 'umount',
      args: ['-l', ...mounts.slice(from, from + 200)],
      timeoutMs: 20_000,
      allowFailure: true, // one that is gone already is not missed
    })
  }
  // What is still mounted would be deleted through the mount by whoever removes the directory.
  const [left] = mountsBelow(powers, prefixes)
  if (left !== undefined) throw new Error(`${left} is still mounted; nothing below it was removed`)
}

/** The deepest first. */
function mountsBelow(powers: CleanupPowers, prefixes: readonly string[]): readonly string[] {
  return powers.files
    .readText('/proc/self/mountinfo')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
    .filter((path) => prefixes.some((prefix) => path.startsWith(prefix)))
    .sort((one, other) => other.length - one.length)
}

async function removeCgroups(powers: CleanupPowers, cluster: ClusterFile): Promise<void> {
  const groups = cgroupDirectories(powers, cluster)
  if (groups.length === 0) return
  // rmdir, deepest first: files in a control group cannot be removed, only the group itself.
  await powers.processes.run({
    command: 'rmdir',
    args: ['--ignore-fail-on-non-empty', ...[...groups].sort((one, other) => other.length - one.length)],
    timeoutMs: 10_000,
    allowFailure: true,
  })
  const parents = cgroupRoots(powers).map((root) => `${root}/skedia`)
  await powers.processes.run({
    command: 'rmdir',
    args: ['--ignore-fail-on-non-empty', ...parents.filter((path) => powers.files.exists(path))],
    timeoutMs: 10_000,
    allowFailure: true, // other clusters may be below it
  })
}

/** The hierarchies' mount points: one with version 2, one per controller with version 1. */
function cgroupRoots(powers: CleanupPowers): readonly string[] {
  if (powers.files.exists(`${cgroupMount}/cgroup.controllers`)) return [cgroupMount]
  if (!powers.files.exists(cgroupMount)) return []
  return powers.files
    .list(cgroupMount)
    .map((name) => `${cgroupMount}/${name}`)
    .filter((path) => powers.files.stat(path)?.type === 'directory')
}

/** The cluster's groups in every hierarchy, with all below them. */
function cgroupDirectories(powers: CleanupPowers, cluster: ClusterFile): readonly string[] {
  const walk = (directory: string): readonly string[] => [
    directory,
    ...listOr(powers, directory)
      .map((name) => `${directory}/${name}`)
      .filter((path) => statType(powers, path) === 'directory')
      .flatMap(walk),
  ]
  return cgroupRoots(powers)
    .map((root) => `${root}${cgroupOf(cluster)}`)
    .filter((path) => powers.files.exists(path))
    .flatMap(walk)
}

function processesIn(powers: CleanupPowers, directory: string): readonly number[] {
  return readOr(powers, `${directory}/cgroup.procs`)
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
}

function readOr(powers: CleanupPowers, path: string): string {
  try {
    return powers.files.readText(path)
  } catch {
    return '' // it ended meanwhile
  }
}

function listOr(powers: CleanupPowers, path: string): readonly string[] {
  try {
    return powers.files.list(path)
  } catch {
    return []
  }
}

function statType(powers: CleanupPowers, path: string): string | undefined {
  try {
    return powers.files.stat(path)?.type
  } catch {
    return undefined
  }
}
