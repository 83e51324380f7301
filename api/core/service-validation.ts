/**
 * Problems of services.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateService, ValidateServiceUpdate).
 */
import type { FieldError } from '../meta/field-error.ts'
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts'
import { labelProblems } from '../meta/labels.ts'
import {
  dns1123LabelProblems,
  dns1123SubdomainProblems,
  portNameProblems,
  portNumberProblems,
} from '../meta/names.ts'
import type { Service, ServicePort, ServiceSpec } from '../types.ts'

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const protocols = ['SCTP', 'TCP', 'UDP']
const affinities = ['ClientIP', 'None']
const trafficPolicies = ['Cluster', 'Local']
const affinitySecondsMax = 86_400
const ipv4 = /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}$/

/** True for a literal IPv4 or IPv6 address. */
export function isIpAddress(text: string): boolean {
  return ipv4.test(text) || (text.includes(':') && /^[0-9a-fA-F:.]+$/.test(text) && !text.includes(':::'))
}

function isHeadless(spec: ServiceSpec): boolean {
  return spec.clusterIP === 'None'
}

function portProblems(port: ServicePort, at: string, needsName: boolean): FieldError[] {
  const problems: FieldError[] = []
  const name = port.name ?? ''
  if (name === '') {
    if (needsName) problems.push(required(`${at}.name`))
  } else problems.push(...dns1123LabelProblems(name).map((text) => invalidValue(`${at}.name`, name, text)))
  problems.push(
    ...portNumberProblems(port.port ?? 0).map((text) => invalidValue(`${at}.port`, port.port ?? 0, text)),
  )
  const protocol = port.protocol ?? ''
  if (protocol === '') problems.push(required(`${at}.protocol`))
  else if (!protocols.includes(protocol)) problems.push(notSupported(`${at}.protocol`, protocol, protocols))
  const target = port.targetPort
  if (typeof target === 'string') {
    problems.push(...portNameProblems(target).map((text) => invalidValue(`${at}.targetPort`, target, text)))
  } else if (target !== undefined) {
    problems.push(...portNumberProblems(target).map((text) => invalidValue(`${at}.targetPort`, target, text)))
  }
  return problems
}

function validatePorts(spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? []
  const problems: FieldError[] = []
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName')
    problems.push(required('spec.ports'))
  const names = new Set<string>()
  const numbers = new Set<string>()
  const nodePorts = new Set<string>()
  ports.forEach((port, index) => {
    const at = `spec.ports[${index}]`
    problems.push(...portProblems(port, at, ports.length > 1))
    if ((port.name ?? '') !== '' && names.has(port.name ?? ''))
      problems.push(duplicate(`${at}.name`, port.name))
    names.add(port.name ?? '')
    const number = `${port.protocol}/${port.port}`
    if (numbers.has(number)) problems.push(duplicate(at, { port: port.port, protocol: port.protocol }))
    numbers.add(number)
    if ((port.nodePort ?? 0) === 0) return
    if (spec.type === 'ClusterIP' || spec.type === 'ExternalName') {
      problems.push(forbiddenField(`${at}.nodePort`, "may not be used when `type` is '" + spec.type + "'"))
    }
    const nodePort = `${port.protocol}/${port.nodePort}`
    if (nodePorts.has(nodePort)) problems.push(duplicate(`${at}.nodePort`, port.nodePort))
    nodePorts.add(nodePort)
  })
  return problems
}

function validateAffinity(spec: ServiceSpec): FieldError[] {
  const affinity = spec.sessionAffinity ?? ''
  if (affinity === '') return [required('spec.sessionAffinity')]
  if (!affinities.includes(affinity)) return [notSupported('spec.sessionAffinity', affinity, affinities)]
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds
  const field = 'spec.sessionAffinityConfig'
  if (affinity === 'None') {
    return spec.sessionAffinityConfig === undefined
      ? []
      : [forbiddenField(field, `must not be set when session affinity is None`)]
  }
  if (seconds !== undefined && seconds > 0 && seconds <= affinitySecondsMax) return []
  return [
    invalidValue(
      `${field}.clientIP.timeoutSeconds`,
      seconds,
      `must be greater than 0 and less than ${affinitySecondsMax}`,
    ),
  ]
}

function validateAddresses(spec: ServiceSpec): FieldError[] {
  const problems: FieldError[] = []
  const ip = spec.clusterIP ?? ''
  if (ip !== '' && ip !== 'None' && !isIpAddress(ip)) {
    problems.push(
      invalidValue('spec.clusterIPs[0]', ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
    )
  }
  if (spec.type === 'ExternalName' && ip !== '')
    problems.push(forbiddenField('spec.clusterIPs', "may not be set when `type` is 'ExternalName'"))
  if (ip === 'None' && spec.type !== 'ClusterIP') {
    problems.push(
      invalidValue('spec.clusterIPs[0]', ip, "may not be set to 'None' for " + `${spec.type} services`),
    )
  }
  ;(spec.externalIPs ?? []).forEach((address, index) => {
    if (!isIpAddress(address))
      problems.push(
        invalidValue(
          `spec.externalIPs[${index}]`,
          address,
          'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
      )
  })
  if (spec.type === 'ExternalName') {
    const name = (spec.externalName ?? '').replace(/\.$/, '')
    if (name === '') problems.push(required('spec.externalName'))
    else
      problems.push(
        ...dns1123SubdomainProblems(name).map((text) => invalidValue('spec.externalName', name, text)),
      )
  }
  return problems
}

function policyProblems(policy: string | undefined, field: string): FieldError[] {
  return policy === undefined || trafficPolicies.includes(policy)
    ? []
    : [notSupported(field, policy, trafficPolicies)]
}

/** Problems of a service after defaulting. */
export function validateService({ spec }: Service): readonly FieldError[] {
  if (spec === undefined) return [required('spec.ports')]
  const type = spec.type ?? ''
  return [
    ...validatePorts(spec),
    ...validateAffinity(spec),
    ...(types.includes(type) ? [] : [notSupported('spec.type', type, types)]),
    ...labelProblems(spec.selector, 'spec.selector'),
    ...validateAddresses(spec),
    ...policyProblems(spec.externalTrafficPolicy, 'spec.externalTrafficPolicy'),
    ...policyProblems(spec.internalTrafficPolicy, 'spec.internalTrafficPolicy'),
  ]
}

/** Problems of a service's change: a cluster address stays while the service needs one. */
export function validateServiceUpdate(next: Service, previous: Service): readonly FieldError[] {
  const before = previous.spec?.clusterIP ?? ''
  const after = next.spec?.clusterIP ?? ''
  const needsAddress = next.spec?.type !== 'ExternalName' && previous.spec?.type !== 'ExternalName'
  if (!needsAddress || before === '' || before === after) return []
  return [invalidValue('spec.clusterIPs[0]', next.spec?.clusterIPs ?? [after], 'may not change once set')]
}
