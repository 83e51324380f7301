/**
 * Generates `api/generated/schema.ts`: every served type's fields in one compact table, for decoding, strict
 * field checks, patches, apply, protobuf and OpenAPI.
 *
 *     node dist/tools/generate-api.js <schema.json> <protobuf-numbers.json> > api/generated/schema.ts
 *
 * `api/meta/schema.ts` says how the table reads. Two things are not in the sources and stand here: which
 * scalar fields are plain values in Go (their zero on the protobuf wire means "absent"), and for which text
 * fields an empty text is a value of its own.
 */
import { readFileSync } from 'node:fs'

interface Schema {
  readonly type?: string
  readonly format?: string
  readonly $ref?: string
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly default?: unknown
  readonly 'x-kubernetes-group-version-kind'?: readonly Gvk[] | string
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-patch-strategy'?: string
  readonly 'x-kubernetes-patch-merge-key'?: string
  readonly 'x-kubernetes-map-type'?: string
  readonly 'x-kubernetes-unions'?: unknown
}
interface Gvk {
  readonly group: string
  readonly version: string
  readonly kind: string
}
type Message = Readonly<Record<string, readonly [number: number, type: string, repeated: number]>>
type Inline = readonly [number: number, fields: Record<string, number>, inner: readonly Inline[]]
type Extras = Record<string, unknown>

/** Plain (not pointer) numbers and booleans of Go types: `Type.field`; `*.field` for every type. */
const plainScalars = new Set(
  `*.minReadySeconds *.observedGeneration *.readOnly ObjectMeta.generation DeploymentSpec.paused
  ContainerPort.hostPort Probe.initialDelaySeconds Probe.timeoutSeconds Probe.periodSeconds
  Probe.successThreshold Probe.failureThreshold ServicePort.nodePort ServiceSpec.publishNotReadyAddresses
  ServiceSpec.healthCheckNodePort PodSpec.hostNetwork PodSpec.hostPID PodSpec.hostIPC Container.stdin
  Container.stdinOnce Container.tty EphemeralContainer.stdin EphemeralContainer.stdinOnce
  EphemeralContainer.tty NodeSpec.unschedulable Event.count Event.deprecatedCount EventSeries.count
  PriorityClass.globalDefault ScaleSpec.replicas ContainerStateTerminated.signal
  SubjectAccessReviewStatus.denied SubjectRulesReviewStatus.incomplete TokenReviewStatus.authenticated
  StatusDetails.retryAfterSeconds Status.code Lease.leaseTransitions PortStatus.port
  AWSElasticBlockStoreVolumeSource.partition GCEPersistentDiskVolumeSource.partition
  CustomResourceDefinitionVersion.deprecated CustomResourceColumnDefinition.priority
  CustomResourceDefinitionSpec.preserveUnknownFields JSONSchemaProps.exclusiveMaximum
  JSONSchemaProps.exclusiveMinimum JSONSchemaProps.uniqueItems JSONSchemaProps.nullable
  JSONSchemaProps.x-kubernetes-embedded-resource JSONSchemaProps.x-kubernetes-int-or-string
  HTTPGetAction.port FlowSchemaSpec.matchingPrecedence LimitedPriorityLevelConfiguration.borrowingLimit
  APIServiceSpec.insecureSkipTLSVerify VolumeError.errorCode DeleteOptions.ignoreStoreRead
  ISCSIVolumeSource.chapAuthDiscovery ISCSIVolumeSource.chapAuthSession
  ISCSIPersistentVolumeSource.chapAuthDiscovery ISCSIPersistentVolumeSource.chapAuthSession`.split(/\s+/),
)
/** Statuses whose zeros do mean something. */
const pointerScalars = new Set([
  'JobStatus.ready',
  'JobStatus.terminating',
  'ReplicaSetStatus.terminatingReplicas',
])
/** Texts where '' is a value of its own and not "absent". */
const emptyTexts = new Set(
  `*.storageClassName *.volumeAttributesClassName *.holderIdentity TypedLocalObjectReference.apiGroup TypedObjectReference.apiGroup *.ingressClassName
  HostPathVolumeSource.type GRPCAction.service DiscoveryV1EndpointPort.name EndpointPort.name
  Preconditions.uid Preconditions.resourceVersion EnvVar.value`.split(/\s+/),
)
/** Go's embedded structs, by their protobuf field. */
const embedded = new Set(
  `localObjectReference ephemeralContainerCommon persistentVolumeSource handler volumeSource rule
  ruleWithOperations ingressRuleValue deviceConfiguration`.split(/\s+/),
)
/** JSON names that differ from the protobuf names. */
const renamed: Readonly<Record<string, string>> = {
  uID: 'uid',
  Webhooks: 'webhooks',
  Expression: 'expression',
  Name: 'name',
  aPIGroup: 'apiGroup',
  Raw: 'raw',
}

const metaTypes = 'io.k8s.apimachinery.pkg.apis.meta.v1.'
/** Served types that the source leaves out. */
const added: Readonly<Record<string, Schema>> = {
  [`${metaTypes}PartialObjectMetadata`]: {
    type: 'object',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { $ref: `${metaTypes}ObjectMeta`, default: {} },
    },
    'x-kubernetes-group-version-kind': [
      { group: 'meta.k8s.io', version: 'v1', kind: 'PartialObjectMetadata' },
    ],
  },
  [`${metaTypes}PartialObjectMetadataList`]: {
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { $ref: `${metaTypes}ListMeta`, default: {} },
      items: { type: 'array', items: { $ref: `${metaTypes}PartialObjectMetadata` } },
    },
    'x-kubernetes-group-version-kind': [
      { group: 'meta.k8s.io', version: 'v1', kind: 'PartialObjectMetadataList' },
    ],
  },
}

function fail(text: string): never {
  throw new Error(text)
}

function read<T>(path: string | undefined): T {
  if (path === undefined) {
    return fail(
      'usage: node dist/tools/generate-api.js <schema.json> <protobuf-numbers.json> > api/generated/schema.ts',
    )
  }
  return JSON.parse(readFileSync(path, 'utf8')) as T
}

const source = read<{ definitions: Record<string, Schema> }>(process.argv[2])
const messages = read<Record<string, Message>>(process.argv[3])
const definitions: Readonly<Record<string, Schema>> = { ...source.definitions, ...added }

function isServed(name: string): boolean {
  const version = name.split('.').at(-2) ?? ''
  return !/alpha|beta/.test(version) && !name.startsWith('io.k8s.api.resource.')
}

const names = Object.keys(definitions).filter(isServed).sort()
const indexes = new Map(names.map((name, index) => [name, index]))

/** The protobuf message of a definition. */
function messageOf(name: string): Message | undefined {
  return messages[name.replace(/^io\.k8s\./, 'k8s.io.').replaceAll('-', '_')]
}

function jsonName(field: string, properties: Readonly<Record<string, Schema>>): string | undefined {
  const kebab = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return [field, renamed[field] ?? field, kebab, `$${field}`].find((name) => Object.hasOwn(properties, name))
}

/** s string, y bytes, i int32, l int64, d double, b boolean, o free object, * anything, #n definition, [x list, {x map. */
function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const index = indexes.get(schema.$ref)
    return index === undefined ? '*' : `#${index}`
  }
  if (schema.type === 'array') return `[${typeOf(schema.items ?? {})}`
  if (schema.type === 'object') {
    return typeof schema.additionalProperties === 'object' ? `{${typeOf(schema.additionalProperties)}` : 'o'
  }
  if (schema.type === 'string') return schema.format === 'byte' ? 'y' : 's'
  if (schema.type === 'integer') return schema.format === 'int64' ? 'l' : 'i'
  if (schema.type === 'number') return 'd'
  return schema.type === 'boolean' ? 'b' : '*'
}

function listed(set: ReadonlySet<string>, type: string, field: string): boolean {
  return set.has(`${type}.${field}`) || set.has(`*.${field}`)
}

function zeroIsAbsent(type: string, field: string, letter: string, isRequired: boolean): boolean {
  if (isRequired) return false
  if (letter === 's' || letter === 'y') return !listed(emptyTexts, type, field)
  if (!'ildb'.includes(letter)) return false
  if (type.endsWith('Status') && !pointerScalars.has(`${type}.${field}`)) return true
  return listed(plainScalars, type, field)
}

function extrasOf(schema: Schema): Extras | undefined {
  const extras: Extras = {}
  if (schema['x-kubernetes-list-type'] !== undefined) extras['l'] = schema['x-kubernetes-list-type']
  if (schema['x-kubernetes-list-map-keys'] !== undefined) extras['k'] = schema['x-kubernetes-list-map-keys']
  if (schema['x-kubernetes-patch-strategy'] !== undefined) extras['s'] = schema['x-kubernetes-patch-strategy']
  if (schema['x-kubernetes-patch-merge-key'] !== undefined)
    extras['m'] = schema['x-kubernetes-patch-merge-key']
  if (schema['x-kubernetes-map-type'] === 'atomic') extras['a'] = 1
  if (schema.format !== undefined && !['int32', 'int64', 'double', 'byte'].includes(schema.format)) {
    extras['f'] = schema.format
  }
  if (schema.default !== undefined) extras['d'] = schema.default
  return Object.keys(extras).length === 0 ? undefined : extras
}

/** Go's embedded structs: messages on the wire whose fields stand in the outer object in JSON. */
function inlinesOf(
  message: Message,
  properties: Readonly<Record<string, Schema>>,
  packageName: string,
): readonly Inline[] {
  const inlines: Inline[] = []
  for (const [field, [number, type]] of Object.entries(message)) {
    if (!embedded.has(field) || jsonName(field, properties) !== undefined) continue
    const inner = messages[type.startsWith('.') ? type.slice(1) : `${packageName}.${type}`]
    if (inner === undefined) continue
    const fields: Record<string, number> = {}
    for (const [innerField, [innerNumber]] of Object.entries(inner)) {
      const name = jsonName(innerField, properties)
      if (name !== undefined) fields[name] = innerNumber
    }
    const nested = inlinesOf(inner, properties, packageName)
    if (Object.keys(fields).length > 0 || nested.length > 0) inlines.push([number, fields, nested])
  }
  return inlines
}

function render(name: string): Extras {
  const schema = definitions[name] ?? {}
  const properties = schema.properties ?? {}
  const message = messageOf(name) ?? {}
  const numbers = new Map<string, number>()
  for (const [field, [number]] of Object.entries(message)) {
    const json = jsonName(field, properties)
    if (json !== undefined) numbers.set(json, number)
  }
  const typeName = name.split('.').at(-1) ?? ''
  const fields: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(properties)) {
    const type = typeOf(value)
    const isRequired = schema.required?.includes(field) ?? false
    const flags = `${isRequired ? 'r' : ''}${zeroIsAbsent(typeName, field, type, isRequired) ? 'z' : ''}`
    const extras = extrasOf(value)
    fields[field] = [type, numbers.get(field) ?? 0, flags, ...(extras === undefined ? [] : [extras])]
  }
  const packageName = name
    .replace(/^io\.k8s\./, 'k8s.io.')
    .replaceAll('-', '_')
    .replace(/\.\w+$/, '')
  const inlines = inlinesOf(message, properties, packageName)
  const gvks = schema['x-kubernetes-group-version-kind']
  return {
    f: fields,
    ...(inlines.length > 0 ? { i: inlines } : {}),
    ...(gvks === undefined
      ? {}
      : { g: typeof gvks === 'string' ? gvks : gvks.map((gvk) => [gvk.group, gvk.version, gvk.kind]) }),
    ...(schema['x-kubernetes-map-type'] === 'atomic' ? { a: 1 } : {}),
    ...(schema['x-kubernetes-unions'] === undefined ? {} : { u: schema['x-kubernetes-unions'] }),
    ...(schema.type === undefined ? {} : { t: schema.type }),
  }
}

const table = { names, definitions: names.map(render) }
process.stdout.write(
  `// Generated by tools/generate-api.ts from the Kubernetes 1.35 schema and protobuf numbers. Do not edit.\n\n` +
    `/** The table as JSON text, read by api/meta/schema.ts on first use. */\n` +
    `export const schemaText =\n  ${JSON.stringify(JSON.stringify(table)).replaceAll("'", "\\'").replaceAll('\\"', '"').replace(/^"|"$/g, "'")}\n`,
)
