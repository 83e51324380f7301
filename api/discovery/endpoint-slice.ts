/**
 * EndpointSlice (discovery.k8s.io/v1): up to a thousand endpoints of a Service.
 *
 * Source: kubernetes pkg/apis/discovery/{v1/defaults,validation/validation}.go.
 */
import type { Column } from '../kind.ts'
import { isIpAddress } from '../core/service-validation.ts'
import { ageColumn, column, nameColumn, unset } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, notSupported, required, tooMany } from '../meta/field-error.ts'
import { mapList, withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { EndpointSlice } from '../types.ts'

const addressTypes = ['FQDN', 'IPv4', 'IPv6']
const protocols = ['SCTP', 'TCP', 'UDP']
const endpointsMax = 1000
const portsMax = 20_000
const addressesMax = 100
const shownMax = 3

function setDefaults(slice: EndpointSlice): EndpointSlice {
  return withFields(slice, {
    endpoints: slice.endpoints ?? [],
    ports: mapList(slice.ports, (port) => withDefaults(port, { name: '', protocol: 'TCP' })),
  })
}

function validate(slice: EndpointSlice): readonly FieldError[] {
  const problems: FieldError[] = []
  const type = slice.addressType ?? ''
  const endpoints = slice.endpoints ?? []
  if (type === '') problems.push(required('addressType'))
  else if (!addressTypes.includes(type)) problems.push(notSupported('addressType', type, addressTypes))
  if (endpoints.length > endpointsMax) problems.push(tooMany('endpoints', endpoints.length, endpointsMax))
  endpoints.forEach((endpoint, index) => {
    const at = `endpoints[${index}].addresses`
    const addresses = endpoint.addresses ?? []
    if (addresses.length === 0) problems.push(required(at, 'must contain at least 1 address'))
    if (addresses.length > addressesMax) problems.push(tooMany(at, addresses.length, addressesMax))
    addresses.forEach((address, addressIndex) => {
      if (type === 'FQDN' || isIpAddress(address)) return
      problems.push(invalidValue(`${at}[${addressIndex}]`, address, `must be an ${type} address`))
    })
  })
  const ports = slice.ports ?? []
  if (ports.length > portsMax) problems.push(tooMany('ports', ports.length, portsMax))
  ports.forEach((port, index) => {
    if (protocols.includes(port.protocol ?? '')) return
    problems.push(notSupported(`ports[${index}].protocol`, port.protocol, protocols))
  })
  return problems
}

function listText(texts: readonly string[]): string {
  if (texts.length === 0) return unset
  const shown = texts.slice(0, shownMax).join(',')
  return texts.length > shownMax ? `${shown} + ${texts.length - shownMax} more...` : shown
}

const columns: readonly Column<EndpointSlice>[] = [
  nameColumn(),
  column('AddressType', 'IPv4, IPv6 or FQDN.', ({ addressType }) => addressType ?? ''),
  column('Ports', 'Ports of every endpoint.', ({ ports }) =>
    listText((ports ?? []).map(({ port, name }) => (port === undefined ? name || '*' : String(port)))),
  ),
  column('Endpoints', 'Their addresses.', ({ endpoints }) =>
    listText((endpoints ?? []).flatMap(({ addresses }) => addresses ?? [])),
  ),
  ageColumn(),
]

/** The resource `endpointslices`. */
export const endpointSlices = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  resource: 'endpointslices',
  namespaced: true,
  definition: 'io.k8s.api.discovery.v1.EndpointSlice',
  hasGeneration: true,
  setDefaults,
  validate,
  validateUpdate: (next, previous) =>
    next.addressType === previous.addressType
      ? []
      : [invalidValue('addressType', next.addressType, 'field is immutable')],
  columns,
})
