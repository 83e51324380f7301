/**
 * Pod (v1): one or more containers that live and die together on one node.
 *
 * Source: kubernetes pkg/apis/core/v1/defaults.go (SetDefaults_Pod), pkg/registry/core/pod/strategy.go.
 */
import type { FieldError } from '../meta/field-error.ts'
import { mapList, withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Container, Pod, PodSpec } from '../types.ts'
import { podColumns } from './pod-columns.ts'
import { qosClass } from './pod-resources.ts'
import { setPodSpecDefaults } from './pod-spec-defaults.ts'
import { validatePodSpec } from './pod-spec-validation.ts'
import { validatePodUpdate } from './pod-update-validation.ts'

/** A limit without a request requests as much. */
function requestsFromLimits(container: Container): Container {
  const limits = container.resources?.limits
  if (container.resources === undefined || limits === undefined) return container
  const requests = withDefaults({ ...container.resources.requests }, limits)
  const isSame = Object.keys(limits).every((name) => container.resources?.requests?.[name] !== undefined)
  return isSame ? container : withFields(container, { resources: { ...container.resources, requests } })
}

function setDefaults(pod: Pod): Pod {
  const spec: PodSpec = setPodSpecDefaults(pod.spec ?? { containers: [] })
  return withFields(pod, {
    spec: withFields(withDefaults(spec, { enableServiceLinks: true }), {
      containers: mapList(spec.containers, requestsFromLimits) ?? [],
      initContainers: mapList(spec.initContainers, requestsFromLimits),
    }),
  })
}

function prepareForCreate(pod: Pod): Pod {
  return { ...pod, status: { phase: 'Pending', qosClass: qosClass(pod) } }
}

function validate(pod: Pod): readonly FieldError[] {
  return validatePodSpec(pod.spec, 'spec')
}

function boolText(value: boolean | undefined): string {
  return value === true ? 'true' : 'false'
}

/** The resource `pods`. */
export const pods = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  resource: 'pods',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.Pod',
  shortNames: ['po'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  subresources: [
    { name: 'attach', verbs: ['create', 'get'], group: '', version: 'v1', kind: 'PodAttachOptions' },
    { name: 'binding', verbs: ['create'], group: '', version: 'v1', kind: 'Binding' },
    { name: 'ephemeralcontainers', verbs: ['get', 'patch', 'update'], group: '', version: 'v1', kind: 'Pod' },
    { name: 'eviction', verbs: ['create'], group: 'policy', version: 'v1', kind: 'Eviction' },
    { name: 'exec', verbs: ['create', 'get'], group: '', version: 'v1', kind: 'PodExecOptions' },
    { name: 'log', verbs: ['get'], group: '', version: 'v1', kind: 'Pod' },
    {
      name: 'portforward',
      verbs: ['create', 'get'],
      group: '',
      version: 'v1',
      kind: 'PodPortForwardOptions',
    },
    {
      name: 'proxy',
      verbs: ['create', 'delete', 'get', 'patch', 'update'],
      group: '',
      version: 'v1',
      kind: 'PodProxyOptions',
    },
    { name: 'resize', verbs: ['get', 'patch', 'update'], group: '', version: 'v1', kind: 'Pod' },
  ],
  setDefaults,
  prepareForCreate,
  validate,
  validateUpdate: validatePodUpdate,
  columns: podColumns,
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec?.nodeName ?? '',
    'spec.host': (pod) => pod.spec?.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec?.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec?.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => boolText(pod.spec?.hostNetwork),
    'status.phase': (pod) => pod.status?.phase ?? '',
    'status.podIP': (pod) => pod.status?.podIP ?? '',
    // Accepted, but upstream projects nothing for it.
    'status.podIPs': () => '',
    'status.nominatedNodeName': (pod) => pod.status?.nominatedNodeName ?? '',
  },
})
