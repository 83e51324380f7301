/**
 * A cluster for the controllers' tests: controller managers on fake API servers in a simulated world, and a
 * stand-in for scheduler and kubelet that binds pods, runs them and lets them go.
 */
import { deployments } from '../../api/apps/deployment.ts'
import { replicaSets } from '../../api/apps/replica-set.ts'
import { jobs } from '../../api/batch/job.ts'
import { leases } from '../../api/coordination/lease.ts'
import { namespaces } from '../../api/core/namespace.ts'
import { nodes } from '../../api/core/node.ts'
import { pods } from '../../api/core/pod.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { Deployment, Job, Namespace, Node, Pod } from '../../api/types.ts'
import { type ControllerManager, startControllerManager } from '../manager.ts'
import { isNodeReady } from '../node-lifecycle/plan.ts'
import { type TestWorld, testWorld } from '../../client/testing/world.ts'
import type { SimProcess } from '../../platform/sim/index.ts'
import { nodeOf } from './objects.ts'

/** Shorter than in life, so that a change of leader fits a test. */
const leaderElection = { leaseDurationMs: 3000, renewDeadlineMs: 2000, retryPeriodMs: 500 }

export interface Manager {
  readonly process: SimProcess
  readonly manager: ControllerManager
}

export class ClusterWorld {
  readonly base: TestWorld
  readonly managers: Manager[] = []
  /** What a pod comes to when it runs; undefined: it goes on running. */
  outcomeOf: (pod: Pod) => 'Succeeded' | 'Failed' | undefined = () => undefined
  /** Nodes whose kubelet is dead: their pods do not change and their Lease is not renewed. */
  readonly deadNodes = new Set<string>()
  readonly #controllers: readonly string[] | undefined

  private constructor(base: TestWorld, controllers: readonly string[] | undefined) {
    this.base = base
    this.#controllers = controllers
  }

  static async start(
    seed: bigint,
    options: {
      readonly nodes?: number
      readonly managers?: number
      readonly controllers?: readonly string[]
    } = {},
  ): Promise<ClusterWorld> {
    const world = new ClusterWorld(await testWorld(seed), options.controllers)
    world.base.cluster.set(namespaces, namespaceOf('default'))
    world.base.cluster.set(namespaces, namespaceOf('kube-system'))
    for (let index = 1; index <= (options.nodes ?? 2); index += 1) {
      world.base.cluster.set(nodes, { ...nodeOf(`n${index}`), metadata: { name: `n${index}` } })
    }
    for (let index = 1; index <= (options.managers ?? 1); index += 1) await world.startManager(`c${index}`)
    world.#beat()
    return world
  }

  get cluster() {
    return this.base.cluster
  }

  get nowMs(): number {
    return this.base.world.nowMs
  }

  async startManager(identity: string): Promise<Manager> {
    const { process, client } = this.base.client(identity)
    const manager = await startControllerManager(process.powers, {
      identity,
      client,
      rootCa: 'CA',
      leaderElection,
      controllers: this.#controllers,
    })
    const started = { process, manager }
    this.managers.push(started)
    return started
  }

  kill(manager: Manager): void {
    this.base.world.kill(manager.process)
    this.managers.splice(this.managers.indexOf(manager), 1)
  }

  createDeployment(deployment: Deployment): void {
    const { uid: _, resourceVersion: __, ...metadata } = deployment.metadata
    this.cluster.set(deployments, { ...deployment, metadata })
  }

  createJob(job: Job): void {
    this.cluster.set(jobs, job)
  }

  /** Active pods, by namespace default. */
  activePods(): readonly Pod[] {
    return this.cluster.all(pods).filter(({ metadata, status }) => {
      return (
        metadata.deletionTimestamp === undefined &&
        status?.phase !== 'Succeeded' &&
        status?.phase !== 'Failed'
      )
    })
  }

  replicaSetCount(): number {
    return this.cluster.all(replicaSets).length
  }

  until(condition: () => boolean, what: string, timeoutMs?: number): Promise<void> {
    return this.base.until(condition, what, timeoutMs)
  }

  /** Scheduler and kubelets: every 50 ms pods move on by one step; Leases are renewed each second. */
  #beat(): void {
    const { loop } = this.base.world
    let turn = 0
    const tick = () => {
      turn += 1
      for (const pod of this.cluster.all(pods)) this.#advance(pod)
      if (turn % 20 === 0) this.#renew()
      loop.schedule({ delayUs: 50_000, label: 'kubelets', run: tick })
    }
    tick()
  }

  #advance(pod: Pod): void {
    const { name = '', namespace, deletionTimestamp, finalizers } = pod.metadata
    const nodeName = pod.spec?.nodeName
    if (nodeName !== undefined && this.deadNodes.has(nodeName)) return
    if (deletionTimestamp !== undefined && (finalizers ?? []).length === 0) {
      this.cluster.remove(pods, namespace, name)
      return
    }
    if (nodeName === undefined) {
      const node = this.#pickNode(pod)
      if (node)
        this.cluster.change(pods, namespace, name, (known) => ({
          ...known,
          spec: { containers: [], ...known.spec, nodeName: node },
        }))
      return
    }
    if (pod.status?.phase === undefined || pod.status.phase === 'Pending') this.#setPhase(pod, 'Running')
    else if (pod.status.phase === 'Running') {
      const outcome = this.outcomeOf(pod)
      if (outcome) this.#setPhase(pod, outcome)
    }
  }

  #setPhase(pod: Pod, phase: string): void {
    const now = formatTime(this.base.world.nowMs + epochOf(this.base))
    const ready = phase === 'Running' ? 'True' : 'False'
    const ip = `10.0.0.${(Number(/\d+$/.exec(pod.metadata.uid ?? '')?.[0] ?? '0') % 250) + 1}`
    this.cluster.change(pods, pod.metadata.namespace, pod.metadata.name ?? '', (known) => ({
      ...known,
      status: {
        ...known.status,
        phase,
        podIP: ip,
        podIPs: [{ ip }],
        startTime: now,
        conditions: [{ type: 'Ready', status: ready, lastTransitionTime: now }],
      },
    }))
  }

  #pickNode(pod: Pod): string | undefined {
    const candidates = this.cluster
      .all(nodes)
      .filter((node) => !this.deadNodes.has(node.metadata.name ?? '') && isSchedulable(node))
    return candidates[
      Number(/\d+$/.exec(pod.metadata.uid ?? '')?.[0] ?? '0') % Math.max(candidates.length, 1)
    ]?.metadata.name
  }

  /** What a kubelet does that finds itself called silent. */
  #reportReady(name: string): void {
    const node = this.cluster.get(nodes, undefined, name)
    if (!node || isNodeReady(node)) return
    const conditions = [
      { type: 'Ready', status: 'True', lastHeartbeatTime: formatTime(this.base.world.nowMs) },
    ]
    this.cluster.set(nodes, { ...node, status: { ...node.status, conditions } })
  }

  #renew(): void {
    for (const { metadata } of this.cluster.all(nodes)) {
      const { name = '' } = metadata
      if (this.deadNodes.has(name)) continue
      this.#reportReady(name)
      const renewTime = String(this.base.world.nowMs)
      const spec = { holderIdentity: name, renewTime }
      this.cluster.set(leases, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace: 'kube-node-lease' },
        spec,
      })
    }
  }
}

function isSchedulable(node: Node): boolean {
  return !node.spec?.unschedulable && !node.spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule')
}

function epochOf({ servers }: TestWorld): number {
  const [first] = servers
  return first ? first.powers.clock.wallMs() - Math.floor(first.powers.clock.monotonicMs()) : 0
}

export function namespaceOf(name: string): Namespace {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  }
}
