/**
 * Service (v1): one stable address for the pods that a selector finds.
 *
 * Addresses and node ports are allocated by the apiserver; here are only defaults, rules and columns. What was
 * allocated stays when an update leaves it out.
 * Source: kubernetes pkg/apis/core/v1/defaults.go, pkg/registry/core/service/{strategy,storage}.
 */
import type { Column } from '../kind.ts'
import { ageColumn, column, formatLabels, nameColumn, none } from '../meta/columns.ts'
import { mapList, withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Service, ServicePort, ServiceSpec } from '../types.ts'
import { validateService, validateServiceUpdate } from './service-validation.ts'

const affinitySeconds = 10_800

function isExternallyReachable(spec: ServiceSpec): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0
}

function setPortDefaults(port: ServicePort): ServicePort {
  const targetPort = port.targetPort === 0 || port.targetPort === '' ? undefined : port.targetPort
  return withDefaults(withFields(port, { targetPort }), { protocol: 'TCP', targetPort: port.port })
}

function setDefaults(service: Service): Service {
  const base = withDefaults(service.spec ?? {}, { sessionAffinity: 'None', type: 'ClusterIP' })
  const isExternalName = base.type === 'ExternalName'
  const config = base.sessionAffinityConfig
  const spec = withDefaults(base, {
    internalTrafficPolicy: isExternalName ? undefined : 'Cluster',
    externalTrafficPolicy: !isExternalName && isExternallyReachable(base) ? 'Cluster' : undefined,
    allocateLoadBalancerNodePorts: base.type === 'LoadBalancer' ? true : undefined,
  })
  return withFields(service, {
    spec: withFields(spec, {
      ports: mapList(spec.ports, setPortDefaults),
      sessionAffinityConfig:
        base.sessionAffinity === 'ClientIP'
          ? withDefaults(config ?? {}, {
              clientIP: withDefaults(config?.clientIP ?? {}, { timeoutSeconds: affinitySeconds }),
            })
          : config,
    }),
  })
}

function hasClusterAddress(spec: ServiceSpec): boolean {
  return spec.type !== 'ExternalName'
}

function hasNodePorts(spec: ServiceSpec): boolean {
  return (
    spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
  )
}

function keepNodePorts(next: ServiceSpec, previous: ServiceSpec): ServiceSpec {
  if (!hasNodePorts(next) || !hasNodePorts(previous)) return next
  const known = new Map(
    (previous.ports ?? []).map((port) => [`${port.protocol}/${port.port}`, port.nodePort]),
  )
  const taken = new Set((next.ports ?? []).map((port) => port.nodePort))
  return withFields(next, {
    ports: mapList(next.ports, (port) => {
      const nodePort = known.get(`${port.protocol}/${port.port}`)
      return (port.nodePort ?? 0) !== 0 || taken.has(nodePort) ? port : withFields(port, { nodePort })
    }),
  })
}

/** What was allocated and is left out of the update stays (patchAllocatedValues). */
function prepareForUpdate(next: Service, previous: Service): Service {
  if (next.spec === undefined || previous.spec === undefined) return next
  if (!hasClusterAddress(next.spec) || !hasClusterAddress(previous.spec)) return next
  const isUnset = (next.spec.clusterIP ?? '') === '' && (next.spec.clusterIPs ?? []).length === 0
  const spec = isUnset
    ? withFields(next.spec, { clusterIP: previous.spec.clusterIP, clusterIPs: previous.spec.clusterIPs })
    : withDefaults(next.spec, {
        clusterIPs: next.spec.clusterIP === previous.spec.clusterIP ? previous.spec.clusterIPs : undefined,
      })
  const families = withDefaults(spec, {
    ipFamilies: previous.spec.ipFamilies,
    ipFamilyPolicy: previous.spec.ipFamilyPolicy,
  })
  return withFields(next, { spec: keepNodePorts(families, previous.spec) })
}

function externalText({ spec, status }: Service): string {
  const own = spec?.externalIPs ?? []
  switch (spec?.type) {
    case 'ExternalName':
      return spec.externalName || none
    case 'LoadBalancer': {
      const balancer = (status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip || entry.hostname || '')
      return [...balancer.filter((text) => text !== ''), ...own].join(',') || '<pending>'
    }
    default:
      return own.join(',') || none
  }
}

function portsText({ spec }: Service): string {
  const texts = (spec?.ports ?? []).map((port) => {
    const nodePort = (port.nodePort ?? 0) === 0 ? '' : `:${port.nodePort}`
    return `${port.port}${nodePort}/${port.protocol ?? 'TCP'}`
  })
  return texts.join(',') || none
}

const columns: readonly Column<Service>[] = [
  nameColumn(),
  column('Type', 'How the service is exposed.', ({ spec }) => spec?.type ?? ''),
  column(
    'Cluster-IP',
    'The address inside the cluster.',
    ({ spec }) => spec?.clusterIPs?.[0] || spec?.clusterIP || none,
  ),
  column('External-IP', 'The addresses outside the cluster.', externalText),
  column('Port(s)', 'Ports, each with its node port and protocol.', portsText),
  ageColumn(),
  column('Selector', 'Labels of the pods behind it.', ({ spec }) => formatLabels(spec?.selector), {
    wide: true,
  }),
]

/** The resource `services`. */
export const services = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  resource: 'services',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.Service',
  createsOnUpdate: true,
  shortNames: ['svc'],
  categories: ['all'],
  storagePath: 'services/specs',
  nameFormat: 'service',
  hasStatus: true,
  subresources: [
    {
      name: 'proxy',
      verbs: ['create', 'delete', 'get', 'patch', 'update'],
      group: '',
      version: 'v1',
      kind: 'ServiceProxyOptions',
    },
  ],
  setDefaults,
  prepareForCreate: (service) => ({ ...service, status: { loadBalancer: {} } }),
  prepareForUpdate,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  columns,
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec?.clusterIP ?? '',
    'spec.type': ({ spec }) => spec?.type ?? '',
  },
})
