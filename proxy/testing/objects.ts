/** Services and EndpointSlices for tests. */
import type { Endpoint, EndpointSlice, Service, ServiceSpec } from '../../api/types.ts'

export interface ServiceShape {
  readonly name: string
  readonly clusterIP?: string
  readonly port?: number
  readonly nodePort?: number
  readonly protocol?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly spec?: Partial<ServiceSpec>
}

export function serviceOf(shape: ServiceShape): Service {
  const { name, clusterIP = '10.96.0.10', port = 80, nodePort, protocol = 'TCP', labels } = shape
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', labels },
    spec: {
      type: nodePort === undefined ? 'ClusterIP' : 'NodePort',
      clusterIP,
      ports: [{ port, protocol, nodePort, targetPort: 8080 }],
      ...shape.spec,
    },
  }
}

export interface EndpointShape {
  readonly ip: string
  readonly nodeName?: string
  readonly ready?: boolean
  readonly serving?: boolean
  readonly terminating?: boolean
  readonly zones?: readonly string[]
}

export function sliceOf(
  service: string,
  endpoints: readonly EndpointShape[],
  options: { readonly port?: number; readonly protocol?: string; readonly name?: string } = {},
): EndpointSlice {
  const { port = 8080, protocol = 'TCP', name = `${service}-slice` } = options
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [{ name: '', port, protocol }],
    endpoints: endpoints.map(
      ({ ip, nodeName = 'n1', ready, serving, terminating, zones }): Endpoint => ({
        addresses: [ip],
        nodeName,
        conditions: { ready, serving, terminating },
        hints: zones && { forZones: zones.map((zone) => ({ name: zone })) },
      }),
    ),
  }
}
