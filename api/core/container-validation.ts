/**
 * Problems of containers: names, images, ports, environment, resources, probes and hooks.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go (validateContainers and below).
 */
import type { FieldError } from '../meta/field-error.ts'
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts'
import {
  configMapKeyProblems,
  dns1123LabelProblems,
  envVarNameProblems,
  portNameProblems,
  portNumberProblems,
  qualifiedNameProblems,
} from '../meta/names.ts'
import { compareQuantities, tryParseQuantity } from '../meta/quantity.ts'
import type {
  Container,
  ContainerPort,
  EnvFromSource,
  EnvVar,
  EphemeralContainer,
  LifecycleHandler,
  Probe,
  ResourceRequirements,
  Volume,
} from '../types.ts'
import { validateVolumeMounts } from './volume-validation.ts'

const protocols = ['SCTP', 'TCP', 'UDP']
const pullPolicies = ['Always', 'IfNotPresent', 'Never']
const messagePolicies = ['FallbackToLogsOnError', 'File']
const standardResources = new Set(['cpu', 'memory', 'ephemeral-storage', 'storage'])
const schemes = ['HTTP', 'HTTPS']
const fieldPaths =
  /^(metadata\.(name|namespace|uid|labels|annotations)|metadata\.(labels|annotations)\['[^']+'\]|spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?))$/

/** True for what only counts whole units: extended resources, huge pages by name. */
function isExtendedResource(name: string): boolean {
  return name.includes('/') && !name.includes('kubernetes.io/') && !name.startsWith('requests.')
}

/** Problems of a resource's name. */
function resourceNameProblems(name: string, field: string): FieldError[] {
  const problems = qualifiedNameProblems(name).map((text) => invalidValue(field, name, text))
  if (problems.length > 0 || name.includes('/')) return problems
  if (standardResources.has(name) || name.startsWith('hugepages-') || name.startsWith('attachable-volumes-'))
    return []
  return [invalidValue(field, name, 'must be a standard resource type or fully qualified')]
}

function amountProblems(name: string, text: unknown, field: string): FieldError[] {
  const quantity = tryParseQuantity(text)
  if (quantity === undefined) return [invalidValue(field, text, 'must be a quantity')]
  if (quantity.nano < 0n) return [invalidValue(field, String(text), 'must be greater than or equal to 0')]
  if (isExtendedResource(name) && quantity.nano % 1_000_000_000n !== 0n) {
    return [invalidValue(field, String(text), 'must be an integer')]
  }
  return []
}

/** Problems of requests and limits. */
export function validateResources(resources: ResourceRequirements | undefined, field: string): FieldError[] {
  const problems: FieldError[] = []
  const limits = resources?.limits ?? {}
  const requests = resources?.requests ?? {}
  for (const [name, text] of Object.entries(limits)) {
    problems.push(...resourceNameProblems(name, `${field}.limits[${name}]`))
    problems.push(...amountProblems(name, text, `${field}.limits[${name}]`))
  }
  for (const [name, text] of Object.entries(requests)) {
    const at = `${field}.requests`
    problems.push(
      ...resourceNameProblems(name, `${at}[${name}]`),
      ...amountProblems(name, text, `${at}[${name}]`),
    )
    const request = tryParseQuantity(text)
    const limit = tryParseQuantity(limits[name])
    if (request === undefined || limit === undefined) continue
    if (isExtendedResource(name) && compareQuantities(request, limit) !== 0) {
      problems.push(invalidValue(at, String(text), `must be equal to ${name} limit of ${limits[name]}`))
    } else if (compareQuantities(request, limit) > 0) {
      problems.push(
        invalidValue(at, String(text), `must be less than or equal to ${name} limit of ${limits[name]}`),
      )
    }
  }
  return problems
}

function validatePorts(ports: readonly ContainerPort[] | undefined, field: string): FieldError[] {
  const names = new Set<string>()
  return (ports ?? []).flatMap((port, index) => {
    const at = `${field}[${index}]`
    const problems: FieldError[] = []
    const name = port.name ?? ''
    if (name !== '') {
      problems.push(...portNameProblems(name).map((text) => invalidValue(`${at}.name`, name, text)))
      if (names.has(name)) problems.push(duplicate(`${at}.name`, name))
      names.add(name)
    }
    if ((port.containerPort ?? 0) === 0) problems.push(required(`${at}.containerPort`))
    else
      problems.push(
        ...portNumberProblems(port.containerPort).map((text) =>
          invalidValue(`${at}.containerPort`, port.containerPort, text),
        ),
      )
    const hostPort = port.hostPort ?? 0
    if (hostPort !== 0)
      problems.push(
        ...portNumberProblems(hostPort).map((text) => invalidValue(`${at}.hostPort`, hostPort, text)),
      )
    if ((port.protocol ?? '') === '') problems.push(required(`${at}.protocol`))
    else if (!protocols.includes(port.protocol ?? ''))
      problems.push(notSupported(`${at}.protocol`, port.protocol, protocols))
    return problems
  })
}

function validateValueFrom(env: EnvVar, at: string): FieldError[] {
  const from = env.valueFrom
  if (from === undefined) return []
  const problems: FieldError[] = []
  const count = Object.values(from).filter((source) => source !== undefined).length
  const field = `${at}.valueFrom`
  if (count === 0)
    problems.push(
      invalidValue(
        field,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
      ),
    )
  if (count > 1)
    problems.push(invalidValue(field, '', 'may not have more than one field specified at a time'))
  if ((env.value ?? '') !== '')
    problems.push(invalidValue(field, '', 'may not be specified when `value` is not empty'))
  const path = from.fieldRef?.fieldPath
  if (from.fieldRef !== undefined && (path ?? '') === '')
    problems.push(required(`${field}.fieldRef.fieldPath`))
  else if (path !== undefined && !fieldPaths.test(path)) {
    problems.push(
      invalidValue(
        `${field}.fieldRef.fieldPath`,
        path,
        'error converting fieldPath: field label not supported: ' + path,
      ),
    )
  }
  for (const source of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = from[source]
    if (reference === undefined) continue
    if ((reference.name ?? '') === '') problems.push(required(`${field}.${source}.name`))
    if ((reference.key ?? '') === '') problems.push(required(`${field}.${source}.key`))
    else
      problems.push(
        ...configMapKeyProblems(reference.key).map((text) =>
          invalidValue(`${field}.${source}.key`, reference.key, text),
        ),
      )
  }
  if (from.resourceFieldRef !== undefined && (from.resourceFieldRef.resource ?? '') === '') {
    problems.push(required(`${field}.resourceFieldRef.resource`))
  }
  return problems
}

function validateEnv(env: readonly EnvVar[] | undefined, field: string): FieldError[] {
  return (env ?? []).flatMap((variable, index) => {
    const at = `${field}[${index}]`
    const name = variable.name ?? ''
    const own =
      name === ''
        ? [required(`${at}.name`)]
        : envVarNameProblems(name).map((text) => invalidValue(`${at}.name`, name, text))
    return [...own, ...validateValueFrom(variable, at)]
  })
}

function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, field: string): FieldError[] {
  return (sources ?? []).flatMap((source, index) => {
    const at = `${field}[${index}]`
    const { configMapRef, secretRef } = source
    const problems: FieldError[] = []
    if (configMapRef === undefined && secretRef === undefined)
      problems.push(invalidValue(at, '', 'must specify one of: `configMapRef` or `secretRef`'))
    if (configMapRef !== undefined && secretRef !== undefined)
      problems.push(invalidValue(at, '', 'may not have more than one field specified at a time'))
    if (configMapRef !== undefined && (configMapRef.name ?? '') === '')
      problems.push(required(`${at}.configMapRef.name`))
    if (secretRef !== undefined && (secretRef.name ?? '') === '')
      problems.push(required(`${at}.secretRef.name`))
    return problems
  })
}

function validatePortReference(port: number | string | undefined, field: string): FieldError[] {
  if (typeof port === 'string') return portNameProblems(port).map((text) => invalidValue(field, port, text))
  return portNumberProblems(port ?? 0).map((text) => invalidValue(field, port ?? 0, text))
}

function validateHandler(handler: Probe | LifecycleHandler, field: string): FieldError[] {
  const problems: FieldError[] = []
  const kinds = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const
  const { exec, httpGet, tcpSocket } = handler
  const given = kinds.filter(
    (kind) =>
      kind in handler && Object.entries(handler).some(([key, value]) => key === kind && value !== undefined),
  )
  if (given.length === 0) problems.push(required(field, 'must specify a handler type'))
  for (const extra of given.slice(1))
    problems.push(forbiddenField(`${field}.${extra}`, 'may not specify more than 1 handler type'))
  if (exec !== undefined && (exec.command ?? []).length === 0)
    problems.push(required(`${field}.exec.command`))
  if (httpGet !== undefined) {
    if ((httpGet.path ?? '') === '') problems.push(required(`${field}.httpGet.path`))
    problems.push(...validatePortReference(httpGet.port, `${field}.httpGet.port`))
    if (!schemes.includes(httpGet.scheme ?? ''))
      problems.push(notSupported(`${field}.httpGet.scheme`, httpGet.scheme, schemes))
  }
  if (tcpSocket !== undefined)
    problems.push(...validatePortReference(tcpSocket.port, `${field}.tcpSocket.port`))
  if ('grpc' in handler && handler.grpc !== undefined)
    problems.push(...validatePortReference(handler.grpc.port, `${field}.grpc.port`))
  return problems
}

function validateProbe(probe: Probe | undefined, field: string, mustSucceedOnce: boolean): FieldError[] {
  if (probe === undefined) return []
  const problems = validateHandler(probe, field)
  const counts = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const
  for (const name of counts) {
    if ((probe[name] ?? 0) < 0)
      problems.push(invalidValue(`${field}.${name}`, probe[name], 'must be greater than or equal to 0'))
  }
  const grace = probe.terminationGracePeriodSeconds
  if (grace !== undefined && grace <= 0)
    problems.push(invalidValue(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'))
  if (mustSucceedOnce && probe.successThreshold !== 1)
    problems.push(invalidValue(`${field}.successThreshold`, probe.successThreshold, 'must be 1'))
  return problems
}

interface ContainerContext {
  readonly volumes: readonly Volume[] | undefined
  /** Why probes and hooks may not be set; undefined for containers that stay. */
  readonly probesForbidden: string | undefined
}

function validateProbes(container: Container | EphemeralContainer, at: string): FieldError[] {
  const { postStart, preStop } = container.lifecycle ?? {}
  return [
    ...validateProbe(container.livenessProbe, `${at}.livenessProbe`, true),
    ...validateProbe(container.readinessProbe, `${at}.readinessProbe`, false),
    ...validateProbe(container.startupProbe, `${at}.startupProbe`, true),
    ...(postStart === undefined ? [] : validateHandler(postStart, `${at}.lifecycle.postStart`)),
    ...(preStop === undefined ? [] : validateHandler(preStop, `${at}.lifecycle.preStop`)),
  ]
}

/** Problems of one container's own fields. */
export function validateContainer(
  container: Container | EphemeralContainer,
  at: string,
  context: ContainerContext,
): FieldError[] {
  const problems: FieldError[] = []
  const name = container.name ?? ''
  const image = container.image ?? ''
  if (name === '') problems.push(required(`${at}.name`))
  else problems.push(...dns1123LabelProblems(name).map((text) => invalidValue(`${at}.name`, name, text)))
  if (image === '') problems.push(required(`${at}.image`))
  else if (image.trim() !== image)
    problems.push(invalidValue(`${at}.image`, image, 'must not have leading or trailing whitespace'))
  if (!messagePolicies.includes(container.terminationMessagePolicy ?? '')) {
    problems.push(
      notSupported(`${at}.terminationMessagePolicy`, container.terminationMessagePolicy, messagePolicies),
    )
  }
  if (!pullPolicies.includes(container.imagePullPolicy ?? '')) {
    problems.push(notSupported(`${at}.imagePullPolicy`, container.imagePullPolicy, pullPolicies))
  }
  if (context.probesForbidden !== undefined) {
    for (const field of ['livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'] as const) {
      if (container[field] !== undefined)
        problems.push(forbiddenField(`${at}.${field}`, context.probesForbidden))
    }
  } else problems.push(...validateProbes(container, at))
  return [
    ...problems,
    ...validatePorts(container.ports, `${at}.ports`),
    ...validateEnv(container.env, `${at}.env`),
    ...validateEnvFrom(container.envFrom, `${at}.envFrom`),
    ...validateVolumeMounts(container, context.volumes, `${at}.volumeMounts`),
    ...validateResources(container.resources, `${at}.resources`),
  ]
}

/** Two containers of a pod may not bind the same port of the node. */
export function validateHostPorts(containers: readonly Container[], field: string): FieldError[] {
  const taken = new Set<string>()
  return containers.flatMap((container, index) =>
    (container.ports ?? []).flatMap((port, portIndex) => {
      if ((port.hostPort ?? 0) === 0) return []
      const key = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`
      if (taken.has(key)) return [duplicate(`${field}[${index}].ports[${portIndex}].hostPort`, key)]
      taken.add(key)
      return []
    }),
  )
}
