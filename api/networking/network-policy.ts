/** NetworkPolicy (networking.k8s.io/v1): who may talk to which pods. Source: pkg/apis/networking. */
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, notSupported } from '../meta/field-error.ts'
import { mapList, withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { validateLabelSelector } from '../meta/label-selector-validation.ts'
import { formatLabelSelector } from '../meta/selector.ts'
import type { NetworkPolicy, NetworkPolicyPort, NetworkPolicySpec } from '../types.ts'

const policyTypes = ['Egress', 'Ingress']
const protocols = ['SCTP', 'TCP', 'UDP']

function withPortDefaults<R extends { readonly ports?: readonly NetworkPolicyPort[] | undefined }>(
  rule: R,
): R {
  const ports = mapList(rule.ports, (port) => withDefaults(port, { protocol: 'TCP' }))
  return ports === rule.ports ? rule : { ...rule, ports }
}

function setDefaults(policy: NetworkPolicy): NetworkPolicy {
  const given: NetworkPolicySpec = policy.spec ?? {}
  const types = (given.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
  const spec = withDefaults(given, { podSelector: {}, policyTypes: types })
  return withFields(policy, {
    spec: withFields(spec, {
      ingress: mapList(spec.ingress, withPortDefaults),
      egress: mapList(spec.egress, withPortDefaults),
    }),
  })
}

function validatePorts(ports: readonly NetworkPolicyPort[] | undefined, at: string): FieldError[] {
  return (ports ?? []).flatMap((port, index) => {
    const field = `${at}.ports[${index}]`
    const problems: FieldError[] = []
    if (!protocols.includes(port.protocol ?? ''))
      problems.push(notSupported(`${field}.protocol`, port.protocol, protocols))
    if (typeof port.port === 'number' && port.endPort !== undefined && port.endPort < port.port) {
      problems.push(invalidValue(`${field}.endPort`, port.endPort, 'must be greater than or equal to `port`'))
    }
    return problems
  })
}

function validate({ spec }: NetworkPolicy): readonly FieldError[] {
  return [
    ...validateLabelSelector(spec?.podSelector, 'spec.podSelector'),
    ...(spec?.ingress ?? []).flatMap((rule, index) => validatePorts(rule.ports, `spec.ingress[${index}]`)),
    ...(spec?.egress ?? []).flatMap((rule, index) => validatePorts(rule.ports, `spec.egress[${index}]`)),
    ...(spec?.policyTypes ?? []).flatMap((type, index) =>
      policyTypes.includes(type) ? [] : [notSupported(`spec.policyTypes[${index}]`, type, policyTypes)],
    ),
  ]
}

/** The resource `networkpolicies`. */
export const networkPolicies = defineKind<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  resource: 'networkpolicies',
  namespaced: true,
  definition: 'io.k8s.api.networking.v1.NetworkPolicy',
  shortNames: ['netpol'],
  hasGeneration: true,
  setDefaults,
  validate,
  columns: [
    nameColumn(),
    column('Pod-Selector', 'Pods that it protects.', ({ spec }) => formatLabelSelector(spec?.podSelector)),
    ageColumn(),
  ],
})
