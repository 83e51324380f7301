/** What a member tells Prometheus about its consensus. */
import type { Counter, Gauge, Histogram, Metrics } from '../../platform/metrics.ts'

export interface RaftMetrics {
  readonly leadershipChanges: Counter
  readonly term: Gauge
  readonly isLeader: Gauge
  readonly hasLeader: Gauge
  readonly commitIndex: Gauge
  readonly appliedIndex: Gauge
  readonly proposals: Counter
  readonly lostFrames: Counter
  readonly fsyncSeconds: Histogram
}

export function createRaftMetrics(metrics: Metrics): RaftMetrics {
  return {
    leadershipChanges: metrics.counter({
      name: 'skedia_raft_leadership_changes_total',
      help: 'Changes of role, term or known leader, by reason.',
      labels: ['role', 'reason'],
    }),
    term: metrics.gauge({ name: 'skedia_raft_term', help: 'The current term.' }),
    isLeader: metrics.gauge({ name: 'skedia_raft_is_leader', help: '1 while this member leads.' }),
    hasLeader: metrics.gauge({ name: 'skedia_raft_has_leader', help: '1 while a leader is known.' }),
    commitIndex: metrics.gauge({ name: 'skedia_raft_commit_index', help: 'The commit index.' }),
    appliedIndex: metrics.gauge({ name: 'skedia_raft_applied_index', help: 'The applied index.' }),
    proposals: metrics.counter({
      name: 'skedia_raft_proposals_total',
      help: 'Commands proposed here, by outcome.',
      labels: ['outcome'],
    }),
    lostFrames: metrics.counter({
      name: 'skedia_raft_dropped_sends_total',
      help: 'Frames to peers that were dropped: no connection, or too much unsent in front.',
      labels: ['peer'],
    }),
    fsyncSeconds: metrics.histogram({
      name: 'skedia_raft_wal_fsync_duration_seconds',
      help: 'Duration of WAL writes until durable.',
      buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
    }),
  }
}
