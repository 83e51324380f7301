/** What the Job controller reads from a pod, and the pods that it makes. */
import { jobs } from '../../api/batch/job.ts'
import { isPodTerminal, isPodTerminating } from '../../api/core/pod-conditions.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { Container, Job, Pod, PodSpec } from '../../api/types.ts'
import { podFromTemplate } from '../framework/pod-control.ts'

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'
export const indexAnnotation = 'batch.kubernetes.io/job-completion-index'
const indexVariable = 'JOB_COMPLETION_INDEX'

export function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(trackingFinalizer) ?? false
}

export function isIndexed(job: Job): boolean {
  return job.spec?.completionMode === 'Indexed'
}

/** The completion index that a pod works on; undefined when it has none. */
export function indexOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[indexAnnotation]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** Pods that are replaced only when they have failed, not already when they are on their way out. */
function replacesOnlyFailed(job: Job): boolean {
  return job.spec?.podReplacementPolicy === 'Failed' || job.spec?.podFailurePolicy !== undefined
}

/** Counts as failed: it has, or it is being deleted and will not succeed. */
export function isFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true
  return !replacesOnlyFailed(job) && isPodTerminating(pod) && pod.status?.phase !== 'Succeeded'
}

export function isSucceeded(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded'
}

/** On its way out, and not yet ended. */
export function isEnding(pod: Pod): boolean {
  return isPodTerminating(pod) && !isPodTerminal(pod)
}

/** When a pod's last container ended; its deletion or creation where no container tells. */
export function finishedMs(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).flatMap(({ state }) => {
    const ms = parseTime(state?.terminated?.finishedAt)
    return ms === undefined ? [] : [ms]
  })
  if (ends.length > 0) return Math.max(...ends)
  const { deletionTimestamp, creationTimestamp } = pod.metadata
  return parseTime(deletionTimestamp) ?? parseTime(creationTimestamp) ?? 0
}

/** A pod of `job`, tracked by the finalizer; with an index it carries it as label, annotation, name and variable. */
export function newJobPod(job: Job, index: number | undefined): Pod {
  const pod = podFromTemplate(job.spec?.template, job, jobs)
  const name = job.metadata.name ?? ''
  const tracked: Pod = {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata.labels, ...jobLabels(job) },
      finalizers: [...(pod.metadata.finalizers ?? []), trackingFinalizer],
    },
  }
  if (index === undefined) return tracked
  const { metadata, spec } = tracked
  return {
    ...tracked,
    metadata: {
      ...metadata,
      generateName: `${name}-${index}-`,
      labels: { ...metadata.labels, [indexAnnotation]: String(index) },
      annotations: { ...metadata.annotations, [indexAnnotation]: String(index) },
    },
    spec: spec && withIndex(spec, `${name}-${index}`),
  }
}

/** The labels by which a Job's generated selector finds its pods. */
export function jobLabels(job: Job): Record<string, string> {
  if (job.spec?.manualSelector) return {}
  const uid = job.metadata.uid ?? ''
  const name = job.metadata.name ?? ''
  return {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  }
}

function withIndex(spec: PodSpec, hostname: string): PodSpec {
  return {
    ...spec,
    hostname: spec.hostname ?? hostname.slice(0, 63),
    containers: spec.containers.map(withIndexVariable),
    ...(spec.initContainers ? { initContainers: spec.initContainers.map(withIndexVariable) } : {}),
  }
}

function withIndexVariable(container: Container): Container {
  if (container.env?.some(({ name }) => name === indexVariable)) return container
  const fieldPath = `metadata.annotations['${indexAnnotation}']`
  const variable = { name: indexVariable, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } }
  return { ...container, env: [...(container.env ?? []), variable] }
}
