/** Endpoints (v1): the addresses behind a Service, in the form that EndpointSlice replaced. */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, none } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, required } from '../meta/field-error.ts'
import { mapList, withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { portNumberProblems } from '../meta/names.ts'
import type { Endpoints, EndpointSubset } from '../types.ts'
import { isIpAddress } from './service-validation.ts'

const shownMax = 3

function setDefaults(endpointsObject: Endpoints): Endpoints {
  return withFields(endpointsObject, {
    subsets: mapList(endpointsObject.subsets, (subset) =>
      withFields(subset, { ports: mapList(subset.ports, (port) => withDefaults(port, { protocol: 'TCP' })) }),
    ),
  })
}

function validateSubset(subset: EndpointSubset, at: string): FieldError[] {
  const problems: FieldError[] = []
  const addresses = subset.addresses ?? []
  const notReady = subset.notReadyAddresses ?? []
  if (addresses.length + notReady.length === 0) {
    problems.push(required(at, 'must specify `addresses` or `notReadyAddresses`'))
  }
  for (const [field, list] of [
    ['addresses', addresses],
    ['notReadyAddresses', notReady],
  ] as const) {
    list.forEach(({ ip }, index) => {
      if (isIpAddress(ip ?? '')) return
      problems.push(
        invalidValue(
          `${at}.${field}[${index}].ip`,
          ip,
          'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
      )
    })
  }
  ;(subset.ports ?? []).forEach(({ port, name }, index) => {
    const field = `${at}.ports[${index}]`
    for (const text of portNumberProblems(port)) problems.push(invalidValue(`${field}.port`, port, text))
    if ((subset.ports ?? []).length > 1 && (name ?? '') === '') problems.push(required(`${field}.name`))
  })
  return problems
}

function subsetTexts({ addresses, ports }: EndpointSubset): string[] {
  return (addresses ?? []).flatMap(({ ip }) =>
    (ports ?? []).length === 0 ? [ip] : (ports ?? []).map(({ port }) => `${ip}:${port}`),
  )
}

function addressesText({ subsets }: Endpoints): string {
  const texts = (subsets ?? []).flatMap(subsetTexts)
  if (texts.length === 0) return none
  const shown = texts.slice(0, shownMax).join(',')
  return texts.length > shownMax ? `${shown} + ${texts.length - shownMax} more...` : shown
}

const columns: readonly Column<Endpoints>[] = [
  nameColumn(),
  column('Endpoints', 'Addresses and ports that are ready.', addressesText),
  ageColumn(),
]

/** The resource `endpoints`. */
export const endpoints = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  resource: 'endpoints',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.Endpoints',
  createsOnUpdate: true,
  shortNames: ['ep'],
  storagePath: 'services/endpoints',
  setDefaults,
  validate: ({ subsets }) =>
    (subsets ?? []).flatMap((subset, index) => validateSubset(subset, `subsets[${index}]`)),
  columns,
})
