/**
 * A container's environment: from ConfigMaps and Secrets, fields of the pod, resources and services, with
 * `$(NAME)` expanded. Pure: the objects that it needs are handed in.
 *
 * Order: services first, then envFrom in order, then env in order; a later one of the same name wins.
 * Source: kubelet `kubelet_pods.go` makeEnvironmentVariables; `third_party/forked/golang/expansion`.
 */
import { parseQuantity } from '../api/meta/quantity.ts'
import type {
  ConfigMap,
  Container,
  EnvVarSource,
  Pod,
  ResourceFieldSelector,
  Secret,
  Service,
} from '../api/types.ts'
import { messageOf } from '../platform/assert.ts'

export interface EnvVariable {
  readonly name: string
  readonly value: string
}

/** What a container's configuration refers to is missing or wrong: `CreateContainerConfigError`. */
export class ContainerConfigError extends Error {
  readonly code = 'E_CONTAINER_CONFIG'
  constructor(message: string) {
    super(message)
    this.name = 'ContainerConfigError'
  }
}

/** What only the node knows of a pod. */
export interface PodFacts {
  readonly podIP: string
  readonly hostIP: string
  readonly nodeName: string
  /** In thousandths of a core and bytes: what a container without limits may use. */
  readonly allocatableCpuMillis: number
  readonly allocatableMemoryBytes: number
}

export interface EnvironmentSources {
  readonly pod: Pod
  readonly facts: PodFacts
  readonly services: readonly Service[]
  /** Undefined: there is none of that name. */
  readonly configMap: (name: string) => ConfigMap | undefined
  readonly secret: (name: string) => Secret | undefined
}

/** @throws ContainerConfigError */
export function containerEnvironment(
  container: Container,
  sources: EnvironmentSources,
): readonly EnvVariable[] {
  const values = new Map<string, string>(serviceVariables(sources))
  for (const source of container.envFrom ?? []) {
    const prefix = source.prefix ?? ''
    for (const [key, value] of bulkValues(source.configMapRef, source.secretRef, sources))
      values.set(`${prefix}${key}`, value)
  }
  for (const variable of container.env ?? []) {
    const value =
      variable.valueFrom === undefined
        ? expand(variable.value ?? '', values)
        : valueFrom(variable.valueFrom, container, sources)
    if (value !== undefined) values.set(variable.name, value)
  }
  return Array.from(values, ([name, value]) => ({ name, value }))
}

/** `$(NAME)` by the variable's value where there is one, `$$` by a dollar sign, all else as it is. */
export function expand(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$(\$|\(([^()]*)\))/g, (whole, inner: string, name: string | undefined) => {
    if (inner === '$') return '$'
    return (name === undefined ? undefined : values.get(name)) ?? whole
  })
}

function bulkValues(
  configMapRef: { readonly name?: string | undefined; readonly optional?: boolean | undefined } | undefined,
  secretRef: { readonly name?: string | undefined; readonly optional?: boolean | undefined } | undefined,
  sources: EnvironmentSources,
): readonly (readonly [string, string])[] {
  if (configMapRef !== undefined) {
    const object = sources.configMap(configMapRef.name ?? '')
    if (object === undefined && configMapRef.optional !== true) throw notFound('configmap', configMapRef.name)
    return Object.entries(object?.data ?? {})
  }
  if (secretRef === undefined) return []
  const object = sources.secret(secretRef.name ?? '')
  if (object === undefined && secretRef.optional !== true) throw notFound('secret', secretRef.name)
  return Object.entries(object?.data ?? {}).map(([key, value]) => [key, decodeText(value)] as const)
}

function notFound(kind: string, name: string | undefined): ContainerConfigError {
  return new ContainerConfigError(`${kind} "${name ?? ''}" not found`)
}

function decodeText(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)))
}

function valueFrom(
  source: EnvVarSource,
  container: Container,
  sources: EnvironmentSources,
): string | undefined {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = source
  if (fieldRef !== undefined) return fieldValue(fieldRef.fieldPath, sources.pod, sources.facts)
  if (resourceFieldRef !== undefined)
    return resourceValue(resourceFieldRef, container, sources.pod, sources.facts)
  if (configMapKeyRef !== undefined) {
    const object = sources.configMap(configMapKeyRef.name ?? '')
    if (object === undefined && configMapKeyRef.optional !== true)
      throw notFound('configmap', configMapKeyRef.name)
    return keyOf(object?.data?.[configMapKeyRef.key], 'ConfigMap', configMapKeyRef, sources.pod)
  }
  if (secretKeyRef !== undefined) {
    const object = sources.secret(secretKeyRef.name ?? '')
    if (object === undefined && secretKeyRef.optional !== true) throw notFound('secret', secretKeyRef.name)
    const value = keyOf(object?.data?.[secretKeyRef.key], 'Secret', secretKeyRef, sources.pod)
    return value === undefined ? undefined : decodeText(value)
  }
  throw new ContainerConfigError(
    'valueFrom names no known source: use fieldRef, resourceFieldRef, configMapKeyRef or secretKeyRef',
  )
}

function keyOf(
  value: string | undefined,
  kind: string,
  reference: {
    readonly key: string
    readonly name?: string | undefined
    readonly optional?: boolean | undefined
  },
  pod: Pod,
): string | undefined {
  if (value !== undefined || reference.optional === true) return value
  throw new ContainerConfigError(
    `couldn't find key ${reference.key} in ${kind} ${pod.metadata.namespace}/${reference.name ?? ''}`,
  )
}

/** A field of the pod, as downward API paths name it. @throws ContainerConfigError */
export function fieldValue(path: string, pod: Pod, facts: PodFacts): string {
  const { metadata, spec } = pod
  const subscript = /^metadata\.(annotations|labels)\['(.*)'\]$/.exec(path)
  if (subscript?.[1] !== undefined) {
    const map = subscript[1] === 'labels' ? metadata.labels : metadata.annotations
    return map?.[subscript[2] ?? ''] ?? ''
  }
  switch (path) {
    case 'metadata.name':
      return metadata.name ?? ''
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid ?? ''
    case 'metadata.labels':
      return formatMap(metadata.labels)
    case 'metadata.annotations':
      return formatMap(metadata.annotations)
    case 'spec.nodeName':
      return facts.nodeName
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? ''
    case 'status.hostIP':
    case 'status.hostIPs':
      return facts.hostIP
    case 'status.podIP':
    case 'status.podIPs':
      return facts.podIP
    default:
      throw new ContainerConfigError(
        `fieldRef names "${path}", which is not a field that a pod can read of itself`,
      )
  }
}

/** `key="value"` lines, sorted, as the downward API writes maps. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n')
}

/** A container's request or limit divided by the divisor, rounded up. @throws ContainerConfigError */
export function resourceValue(
  selector: ResourceFieldSelector,
  container: Container,
  pod: Pod,
  facts: PodFacts,
): string {
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
  const named = selector.containerName ? all.find((one) => one.name === selector.containerName) : container
  const [list, ...rest] = selector.resource.split('.')
  const name = rest.join('.')
  if (named === undefined || (list !== 'limits' && list !== 'requests')) {
    throw new ContainerConfigError(
      `resourceFieldRef names ${selector.resource} of container ${selector.containerName}: there is none`,
    )
  }
  const fallback = { cpu: `${facts.allocatableCpuMillis}m`, memory: `${facts.allocatableMemoryBytes}` }[name]
  const text = named.resources?.[list]?.[name] ?? (list === 'limits' ? fallback : undefined) ?? '0'
  try {
    const amount = parseQuantity(text).nano
    const divisor = parseQuantity(selector.divisor ?? '1').nano
    const unit = divisor === 0n ? 1_000_000_000n : divisor
    return String((amount + unit - 1n) / unit)
  } catch (error) {
    throw new ContainerConfigError(`resourceFieldRef ${selector.resource}: ${messageOf(error)}`)
  }
}

/** `<NAME>_SERVICE_HOST` and the like, for the pod's namespace and the API server's own service. */
function serviceVariables({ pod, services }: EnvironmentSources): readonly (readonly [string, string])[] {
  const isLinked = pod.spec?.enableServiceLinks !== false
  return services
    .filter(({ metadata, spec }) => {
      if (!spec?.clusterIP || spec.clusterIP === 'None') return false
      if (metadata.namespace === 'default' && metadata.name === 'kubernetes') return true
      return isLinked && metadata.namespace === pod.metadata.namespace
    })
    .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
    .flatMap(variablesOf)
}

function variablesOf({ metadata, spec }: Service): readonly (readonly [string, string])[] {
  const name = (metadata.name ?? '').toUpperCase().replaceAll('-', '_')
  const host = spec?.clusterIP ?? ''
  const [first] = spec?.ports ?? []
  if (first === undefined) return []
  const named = (spec?.ports ?? []).filter((port) => port.name)
  const links = (spec?.ports ?? []).flatMap((port) => {
    const protocol = port.protocol ?? 'TCP'
    const prefix = `${name}_PORT_${port.port}_${protocol.toUpperCase()}`
    const url = `${protocol.toLowerCase()}://${host}:${port.port}`
    return [
      [prefix, url],
      [`${prefix}_PROTO`, protocol.toLowerCase()],
      [`${prefix}_PORT`, String(port.port)],
      [`${prefix}_ADDR`, host],
    ] as const
  })
  return [
    [`${name}_SERVICE_HOST`, host],
    [`${name}_SERVICE_PORT`, String(first.port)],
    ...named.map(
      (port) =>
        [
          `${name}_SERVICE_PORT_${(port.name ?? '').toUpperCase().replaceAll('-', '_')}`,
          String(port.port),
        ] as const,
    ),
    [`${name}_PORT`, `${(first.protocol ?? 'TCP').toLowerCase()}://${host}:${first.port}`],
    ...links,
  ]
}
