/**
 * Who a StatefulSet's pod is: a name with an ordinal, a stable host name, claims of its own. Nothing here is
 * drawn: two looks at one stale cache make the same pod, and the server refuses the second.
 * Source: Kubernetes pkg/controller/statefulset/stateful_set_utils.go.
 */
import { statefulSets } from '../../api/apps/stateful-set.ts'
import { ownerReferenceFor } from '../../api/meta/owner.ts'
import type {
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  PodTemplateSpec,
  StatefulSet,
  Volume,
} from '../../api/types.ts'
import { podFromTemplate } from '../framework/pod-control.ts'
import { revisionHashLabel } from '../framework/revisions.ts'

export const podNameLabel = 'statefulset.kubernetes.io/pod-name'
export const podIndexLabel = 'apps.kubernetes.io/pod-index'

/** The first ordinal. */
export function firstOrdinal(set: StatefulSet): number {
  return set.spec?.ordinals?.start ?? 0
}

export function wantedReplicas(set: StatefulSet): number {
  return set.spec?.replicas ?? 1
}

export function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name ?? ''}-${ordinal}`
}

/** The ordinal in a pod's name; undefined when the name is not one of this set's. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${set.metadata.name ?? ''}-`
  const name = pod.metadata.name ?? ''
  const suffix = name.startsWith(prefix) ? name.slice(prefix.length) : ''
  return /^(0|[1-9]\d*)$/.test(suffix) ? Number(suffix) : undefined
}

function claimName(template: PersistentVolumeClaim, set: StatefulSet, ordinal: number): string {
  return `${template.metadata.name ?? ''}-${podName(set, ordinal)}`
}

export interface Revision {
  /** The name of the ControllerRevision: what the pod's label says. */
  readonly name: string
  readonly template: PodTemplateSpec | undefined
}

/** The pod of an ordinal, made from a revision's template. */
export function statefulPod(set: StatefulSet, ordinal: number, revision: Revision): Pod {
  const name = podName(set, ordinal)
  const pod = podFromTemplate(revision.template, set, statefulSets)
  const { generateName: _, ...metadata } = pod.metadata
  return {
    ...pod,
    metadata: {
      ...metadata,
      name,
      labels: {
        ...metadata.labels,
        [podNameLabel]: name,
        [podIndexLabel]: String(ordinal),
        [revisionHashLabel]: revision.name,
      },
    },
    spec: withIdentity(set, ordinal, pod.spec ?? { containers: [] }),
  }
}

function withIdentity(set: StatefulSet, ordinal: number, spec: PodSpec): PodSpec {
  const templates = set.spec?.volumeClaimTemplates ?? []
  const claimed: readonly Volume[] = templates.map((template) => ({
    name: template.metadata.name ?? '',
    persistentVolumeClaim: { claimName: claimName(template, set, ordinal), readOnly: false },
  }))
  const names = new Set(claimed.map(({ name }) => name))
  const volumes = [...claimed, ...(spec.volumes ?? []).filter(({ name }) => !names.has(name))]
  return {
    ...spec,
    hostname: podName(set, ordinal),
    ...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}),
    ...(volumes.length > 0 ? { volumes } : {}),
  }
}

/** The claims of an ordinal. Deleted with the set where its retention policy says so; kept otherwise. */
export function claimsFor(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  const isDeletedWithSet = set.spec?.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete'
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    ...template,
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...template.metadata,
      name: claimName(template, set, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec?.selector.matchLabels },
      ...(isDeletedWithSet ? { ownerReferences: [ownerReferenceFor(set, statefulSets)] } : {}),
    },
  }))
}
