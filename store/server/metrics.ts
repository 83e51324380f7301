/** What a member tells Prometheus, under etcd's names where etcd has them. */
import type { Metrics } from '../../platform/metrics.ts'
import type { MemberStatus } from '../client/store-client.ts'

export interface ServerFacts {
  readonly status: MemberStatus
  readonly proposalsPending: number
  readonly watchers: number
  readonly watchersBehind: number
  readonly leases: number
  readonly keys: number
  readonly isDiskFull: boolean
}

/** Sets all gauges from `facts`; called a few times a second. */
export function createServerMetrics(metrics: Metrics): (facts: ServerFacts) => void {
  const gauge = (name: string, help: string) => metrics.gauge({ name, help })
  const hasLeader = gauge(
    'etcd_server_has_leader',
    'Whether or not a leader exists. 1 is existence, 0 is not.',
  )
  const isLeader = gauge(
    'etcd_server_is_leader',
    'Whether or not this member is a leader. 1 if is, 0 otherwise.',
  )
  const pending = gauge('etcd_server_proposals_pending', 'The current number of pending proposals to commit.')
  const applied = gauge('etcd_server_proposals_applied_total', 'The log index applied last.')
  const committed = gauge('etcd_server_proposals_committed_total', 'The log index committed last.')
  const size = gauge('etcd_mvcc_db_total_size_in_bytes', 'Total size of the underlying database in bytes.')
  const revision = gauge('etcd_debugging_mvcc_current_revision', 'The current revision of store.')
  const compact = gauge(
    'etcd_debugging_mvcc_compact_revision',
    'The revision of the last compaction in store.',
  )
  const keys = gauge('etcd_debugging_mvcc_keys_total', 'Total number of keys.')
  const watchers = gauge('etcd_debugging_mvcc_watcher_total', 'Total number of watchers.')
  const slow = gauge('etcd_debugging_mvcc_slow_watcher_total', 'Total number of unsynced slow watchers.')
  const leases = gauge('skedia_store_leases', 'Leases that have not ended.')
  const full = gauge('skedia_store_disk_full', 'Whether writes are refused because the disk has no room.')
  return (facts) => {
    const { status } = facts
    hasLeader.set(status.leaderId === undefined ? 0 : 1)
    isLeader.set(status.role === 'leader' ? 1 : 0)
    pending.set(facts.proposalsPending)
    applied.set(status.appliedIndex)
    committed.set(status.commitIndex)
    size.set(status.dbSizeBytes)
    revision.set(status.revision)
    compact.set(status.compactRevision)
    keys.set(facts.keys)
    watchers.set(facts.watchers)
    slow.set(facts.watchersBehind)
    leases.set(facts.leases)
    full.set(facts.isDiskFull ? 1 : 0)
  }
}
