/**
 * The scheduler as a component: informers always warm, and a `SchedulerCore` for as long as this replica
 * holds the Lease `kube-system/kube-scheduler`. Replicas that do not lead do nothing else.
 */
import { nodes } from '../api/core/node.ts'
import { pods } from '../api/core/pod.ts'
import {
  type ApiClient,
  createEventRecorder,
  createInformers,
  type LeaderElectionTimings,
  runLeaderElection,
} from '../client/index.ts'
import type { Component, Powers } from '../platform/powers.ts'
import { TaskGroup } from '../platform/tasks.ts'
import { feedCore } from './cluster-events.ts'
import { createListers } from './listers.ts'
import { catalog } from './plugins/catalog.ts'
import { createSchedulerApi } from './scheduler-api.ts'
import { SchedulerCore } from './scheduler-core.ts'

export interface SchedulerConfig {
  /** Unique among replicas: the Lease names it. */
  readonly identity: string
  readonly client: ApiClient
  /** Pods that name another scheduler are left alone. Default `default-scheduler`. */
  readonly schedulerName?: string
  /** Default 15 s / 10 s / 2 s. */
  readonly leaderElection?: Partial<LeaderElectionTimings>
}

export interface Scheduler extends Component {
  isLeading(): boolean
}

export type SchedulerPowers = Pick<Powers, 'clock' | 'random' | 'network' | 'log' | 'metrics' | 'fatal'>

/** Starts to contend for leadership. Needs no reachable apiserver to start; it waits for one. */
export async function startScheduler(powers: SchedulerPowers, config: SchedulerConfig): Promise<Scheduler> {
  const { client, identity, schedulerName = 'default-scheduler' } = config
  const tasks = new TaskGroup((error) => powers.fatal(error))
  const informers = createInformers(powers, client, tasks)
  const nodeInformer = informers.for(nodes)
  const podInformer = informers.for(pods)
  const listers = createListers(informers)
  const recorder = createEventRecorder(powers, client, { component: schedulerName })
  const api = createSchedulerApi(client, (pod, { type, reason, message }) =>
    recorder.event(pod, type, reason, message),
  )
  informers.start()

  const lead = async (signal: AbortSignal) => {
    await informers.waitForSync(signal)
    const findPod = (namespace: string, name: string) => podInformer.get(namespace, name)
    const core = new SchedulerCore({ powers, api, listers, catalog, findPod })
    const detach = feedCore(
      core,
      { nodes: nodeInformer, pods: podInformer, namespaces: listers.namespaces },
      schedulerName,
    )
    powers.log.info('scheduling', { identity, nodes: core.cache.nodesTotal, ...core.queue.lengths })
    try {
      await core.run(signal)
    } finally {
      detach()
    }
  }
  const election = runLeaderElection(powers, {
    client,
    leaseName: 'kube-scheduler',
    identity,
    timings: config.leaderElection,
    onStartedLeading: (signal) => lead(signal),
  })
  return {
    isLeading: () => election.isLeading(),
    async close() {
      await election.close()
      await recorder.close()
      await tasks.close()
    },
  }
}
