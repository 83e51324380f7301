/** What the scheduler counts, under kube-scheduler's names. */
import type { Metrics } from '../platform/metrics.ts'
import type { QueueLengths } from './queue/scheduling-queue.ts'

export interface SchedulerMetrics {
  cycleMs(durationMs: number): void
  pending(lengths: QueueLengths): void
  /** From first seen to bound. */
  scheduled(durationMs: number): void
  failed(reason: 'Unschedulable' | 'SchedulerError'): void
}

const durationBuckets = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8, 16]

export function createSchedulerMetrics(metrics: Metrics): SchedulerMetrics {
  const attempts = metrics.counter({
    name: 'scheduler_schedule_attempts_total',
    help: 'Attempts to schedule pods, by result',
    labels: ['result'],
  })
  const pendingPods = metrics.gauge({
    name: 'scheduler_pending_pods',
    help: 'Pods that wait, by queue',
    labels: ['queue'],
  })
  const cycle = metrics.histogram({
    name: 'scheduler_scheduling_algorithm_duration_seconds',
    help: 'Time to choose a node',
    buckets: durationBuckets,
  })
  const total = metrics.histogram({
    name: 'scheduler_pod_scheduling_sli_duration_seconds',
    help: 'Time from the first sight of a pod to its binding',
    buckets: durationBuckets,
  })
  return {
    cycleMs: (durationMs) => cycle.observe(durationMs / 1000),
    pending({ active, backoff, unschedulable, gated }) {
      pendingPods.set(active, { queue: 'active' })
      pendingPods.set(backoff, { queue: 'backoff' })
      pendingPods.set(unschedulable, { queue: 'unschedulable' })
      pendingPods.set(gated, { queue: 'gated' })
    },
    scheduled(durationMs) {
      attempts.add(1, { result: 'scheduled' })
      total.observe(durationMs / 1000)
    },
    failed: (reason) => attempts.add(1, { result: reason === 'Unschedulable' ? 'unschedulable' : 'error' }),
  }
}
