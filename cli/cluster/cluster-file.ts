/**
 * `cluster.json`: what a cluster is, apart from its data. Written at creation and whenever the shape or a
 * port changes; read by every verb. Identity is not address: the token and the names make a member what
 * it is, and its ports may change from one start to the next.
 */
import type { Files } from '../../platform/files.ts'
import { CliError } from '../cli-error.ts'

/** The version of the format; another one is refused, never guessed at. */
export const clusterFileVersion = 1

export type ProcessKind =
  | 'store'
  | 'apiserver'
  | 'controller-manager'
  | 'scheduler'
  | 'kubelet'
  | 'proxy'
  | 'front'

/** A process of the cluster. Ports of processes in a node's network namespace are not the host's. */
export interface ProcessSpec {
  /** `m1`, `a1`, `c1`, `s1`, `n1`, `p1`, `f1`, or `fake` for the process that runs all fake nodes. */
  readonly name: string
  readonly kind: ProcessKind
  /** Loopback or node address that it listens on. */
  readonly host: string
  /** By purpose: `client`, `peer`, `secure`, `health`. */
  readonly ports: Readonly<Record<string, number>>
  /** Of kubelets and proxies: the Node object's name. */
  readonly node?: string
}

/** A node that is a network namespace of its own. */
export interface NodeNetworkSpec {
  readonly node: string
  readonly namespace: string
  readonly address: string
  readonly podCidr: string
}

/** The network of a cluster whose pods are real. */
export interface ClusterNetwork {
  /** Which of the address ranges this cluster took: node subnet 10.(64+index), pods 10.(244-index). */
  readonly index: number
  readonly bridge: string
  readonly bridgeAddress: string
  readonly nodeCidr: string
  readonly podCidr: string
  readonly nodes: readonly NodeNetworkSpec[]
}

/** How pods run: `runc` for real, `fake` where the machine cannot; `reason` says what was missing. */
export interface RuntimeChoice {
  readonly kind: 'runc' | 'fake'
  readonly reason?: string
}

export interface ClusterShape {
  readonly members: number
  readonly apiservers: number
  readonly nodes: number
  readonly fakeNodes: number
}

export interface ClusterFile {
  readonly version: number
  readonly name: string
  /** Six hex digits, unique on this machine: names bridges, namespaces and tables. */
  readonly id: string
  /** From which the store's cluster id is derived. */
  readonly token: string
  readonly createdAt: string
  readonly skediaVersion: string
  readonly shape: ClusterShape
  readonly basePort: number
  readonly serviceCidr: string
  readonly runtime: RuntimeChoice
  /** Undefined where the runtime is fake: then everything listens on loopback. */
  readonly network?: ClusterNetwork | undefined
  readonly processes: readonly ProcessSpec[]
}

/** Where the parts of a cluster lie below its directory. */
export function clusterPaths(dir: string) {
  return {
    dir,
    clusterFile: `${dir}/cluster.json`,
    kubeconfig: `${dir}/kubeconfig`,
    pki: `${dir}/pki`,
    data: `${dir}/data`,
    logs: `${dir}/logs`,
    nodes: `${dir}/nodes`,
    images: `${dir}/images`,
    run: `${dir}/run`,
    control: `${dir}/run/supervisor.json`,
    children: `${dir}/run/processes.json`,
  }
}

/** The paths of one cluster. */
export type ClusterPaths = ReturnType<typeof clusterPaths>

/** The cluster in `dir`; undefined when there is none. @throws CliError when the file is not one that this version wrote */
export function readClusterFile(files: Files, dir: string): ClusterFile | undefined {
  const path = clusterPaths(dir).clusterFile
  if (!files.exists(path)) return undefined
  const refuse = (found: string) =>
    new CliError({
      code: 'E_CLUSTER_FILE',
      message: `cannot use the cluster in ${dir}`,
      found: `${path}: ${found}`,
      fixes: [
        { command: 'skedia up --name other', why: 'a cluster beside it' },
        { command: `rm -r ${dir}`, why: 'only if nothing in it is needed' },
      ],
    })
  let parsed: unknown
  try {
    parsed = JSON.parse(files.readText(path))
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error))
  }
  if (!isClusterFile(parsed)) throw refuse('it lacks fields that every cluster.json has')
  if (parsed.version !== clusterFileVersion) {
    throw refuse(`format version ${parsed.version}, this skedia reads version ${clusterFileVersion}`)
  }
  return parsed
}

/** Writes `cluster.json` in one step. */
export function writeClusterFile(files: Files, dir: string, cluster: ClusterFile): void {
  files.write(clusterPaths(dir).clusterFile, `${JSON.stringify(cluster, undefined, 2)}\n`, { mode: 0o600 })
}

/** The process of that name. @throws CliError E_NO_PROCESS naming those there are */
export function processNamed(cluster: ClusterFile, name: string): ProcessSpec {
  const found = cluster.processes.find((spec) => spec.name === name)
  if (found !== undefined) return found
  throw new CliError({
    code: 'E_NO_PROCESS',
    message: `cluster ${cluster.name} has no process "${name}"`,
    found: `it has ${cluster.processes.map((spec) => spec.name).join(' ')}`,
    fixes: [{ command: `skedia status --name ${cluster.name}`, why: 'each process and its state' }],
  })
}

/** All processes of a kind, in the order of their numbers. */
export function processesOfKind(cluster: ClusterFile, kind: ProcessKind): readonly ProcessSpec[] {
  return cluster.processes.filter((spec) => spec.kind === kind)
}

/** A port that the spec must have by construction. */
export function portOf(spec: ProcessSpec, purpose: string): number {
  const port = spec.ports[purpose]
  if (port === undefined) throw new Error(`process ${spec.name} has no ${purpose} port in cluster.json`)
  return port
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Checks the fields that no code below could do without. The file is ours alone: details are trusted. */
function isClusterFile(value: unknown): value is ClusterFile {
  return (
    isRecord(value) &&
    typeof value['version'] === 'number' &&
    typeof value['name'] === 'string' &&
    typeof value['id'] === 'string' &&
    typeof value['token'] === 'string' &&
    isRecord(value['shape']) &&
    isRecord(value['runtime']) &&
    Array.isArray(value['processes']) &&
    value['processes'].every(
      (spec) => isRecord(spec) && typeof spec['name'] === 'string' && isRecord(spec['ports']),
    )
  )
}
