/**
 * Services get a cluster IP and, where their type wants them, node ports. What is allocated for a write is
 * given back when the write does not happen; what a change or deletion frees is given back after it.
 *
 *     create/update: take new ones ──▶ write ──▶ commit: release old ones
 *                                        └─ lost or refused ──▶ rollback: release new ones
 *
 * A dry run takes nothing. Source: k8s.io/kubernetes pkg/registry/core/service/storage/alloc.go.
 */
import { services } from '../../api/core/service.ts'
import { trusted } from '../../api/meta/json.ts'
import { internalError, invalid } from '../../api/meta/status.ts'
import type { FieldError } from '../../api/meta/field-error.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Service, ServicePort, ServiceSpec } from '../../api/types.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Random } from '../../platform/random.ts'
import { objectKey } from '../storage/keys.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import { Allocator, type Owner } from './allocations.ts'
import type { Prepared, ResourceHook } from './hooks.ts'
import { formatIpv4, type IpRange, isAllocatable, parseIpRange, parseIpv4, staticOffset } from './ip-range.ts'
import type { WriteScope } from './scope.ts'
import { dropTypeDependentFields } from './service-fields.ts'

const nodePortMin = 30_000
const nodePortMax = 32_767
const drawsMax = 64
const headless = 'None'

export interface ServiceHookParts {
  readonly storage: ObjectStorage
  readonly clock: Clock
  readonly random: Random
  readonly serviceCidr: string
}

interface Allocators {
  readonly parts: ServiceHookParts
  readonly range: IpRange
  readonly addresses: Allocator
  readonly ports: Allocator
}

/** What one write has taken so far. */
interface Ledger {
  readonly owner: Owner
  readonly dryRun: boolean
  readonly takenAddresses: string[]
  readonly takenPorts: string[]
}

export function serviceHook(parts: ServiceHookParts): ResourceHook {
  const shared = { storage: parts.storage, nowMs: () => parts.clock.wallMs() }
  const isHeld = async (owner: Owner) => {
    const stored = await parts.storage.get(objectKey(services, owner.namespace, owner.name))
    return stored?.object().metadata.uid === owner.uid
  }
  const allocators: Allocators = {
    parts,
    range: parseIpRange(parts.serviceCidr),
    addresses: new Allocator({ ...shared, isHeld }, '/registry/skedia/clusterips/'),
    ports: new Allocator({ ...shared, isHeld }, '/registry/skedia/nodeports/'),
  }
  return {
    shapeUpdate: dropTypeDependentFields,
    beforeCreate: (scope, object) => prepare(allocators, scope, object, undefined),
    beforeUpdate: (scope, next, previous) => prepare(allocators, scope, next, previous),
    afterDelete: (object) => releaseAll(allocators, object, undefined),
  }
}

async function prepare(
  allocators: Allocators,
  scope: WriteScope,
  next: KubeObject,
  previous: KubeObject | undefined,
): Promise<Prepared> {
  const ledger: Ledger = {
    owner: {
      namespace: scope.namespace,
      name: next.metadata.name ?? '',
      uid: next.metadata.uid ?? '',
    },
    dryRun: scope.dryRun,
    takenAddresses: [],
    takenPorts: [],
  }
  const rollback = () => release(allocators, ledger.owner.uid, ledger.takenAddresses, ledger.takenPorts)
  try {
    const service = trusted<Service>(next)
    const before = previous && trusted<Service>(previous).spec
    const addressed = await withAddress(allocators, ledger, service.spec ?? {}, before)
    const spec = await withPorts(allocators, ledger, addressed, before)
    const object = trusted<KubeObject>({ ...service, spec })
    return {
      object,
      rollback,
      commit: async () => {
        if (previous) await releaseAll(allocators, previous, object)
      },
    }
  } catch (error) {
    await rollback()
    throw error
  }
}

function needsAddress(spec: ServiceSpec): boolean {
  return spec.type !== 'ExternalName' && spec.clusterIP !== headless
}

async function withAddress(
  allocators: Allocators,
  ledger: Ledger,
  spec: ServiceSpec,
  before: ServiceSpec | undefined,
): Promise<ServiceSpec> {
  if (spec.type === 'ExternalName') {
    const { clusterIP: _ip, clusterIPs: _ips, ipFamilies: _families, ipFamilyPolicy: _policy, ...rest } = spec
    return rest
  }
  if (!needsAddress(spec)) return { ...spec, clusterIPs: [headless], ...familyFields(spec) }
  const kept = before && needsAddress(before) ? before.clusterIP : undefined
  const asked = spec.clusterIP || spec.clusterIPs?.[0] || kept || ''
  const clusterIP =
    asked !== '' && asked === kept
      ? asked
      : asked === ''
        ? await drawAddress(allocators, ledger)
        : await takeAddress(allocators, ledger, asked)
  return { ...spec, clusterIP, clusterIPs: [clusterIP], ...familyFields(spec) }
}

function familyFields(spec: ServiceSpec): Pick<ServiceSpec, 'ipFamilies' | 'ipFamilyPolicy'> {
  return {
    ipFamilies: spec.ipFamilies ?? ['IPv4'],
    ipFamilyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
  }
}

async function takeAddress(allocators: Allocators, ledger: Ledger, address: string): Promise<string> {
  const value = parseIpv4(address)
  if (value === undefined || !isAllocatable(allocators.range, value))
    throw refuse(ledger, {
      type: 'FieldValueInvalid',
      field: 'spec.clusterIPs',
      message: `Invalid value: ["${address}"]: failed to allocate IP ${address}: the provided IP is not in the valid range. The range of valid IPs is ${allocators.range.cidr}`,
    })
  if (await tryTake(allocators.addresses, ledger, ledger.takenAddresses, address)) return address
  throw refuse(ledger, {
    type: 'FieldValueInvalid',
    field: 'spec.clusterIPs',
    message: `Invalid value: ["${address}"]: failed to allocate IP ${address}: provided IP is already allocated`,
  })
}

async function drawAddress(allocators: Allocators, ledger: Ledger): Promise<string> {
  const { range, parts } = allocators
  const offset = staticOffset(range)
  const upper = range.size - 1 - offset
  for (let draw = 0; draw < drawsMax && upper > 0; draw += 1) {
    const address = formatIpv4(range.base + offset + parts.random.int(upper))
    if (await tryTake(allocators.addresses, ledger, ledger.takenAddresses, address)) return address
  }
  for (let at = 2; at < range.size - 1; at += 1) {
    const address = formatIpv4(range.base + at)
    if (await tryTake(allocators.addresses, ledger, ledger.takenAddresses, address)) return address
  }
  throw internalError(`failed to allocate a serviceIP: range ${range.cidr} is full`)
}

async function tryTake(
  allocator: Allocator,
  ledger: Ledger,
  taken: string[],
  item: string,
): Promise<boolean> {
  if (ledger.dryRun) return !(await allocator.isTaken(item))
  const isOurs = await allocator.take(item, ledger.owner)
  if (isOurs) taken.push(item)
  return isOurs
}

function wantsPorts(spec: ServiceSpec): boolean {
  if (spec.type === 'NodePort') return true
  return spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false
}

/** TCP and UDP may share a number: the protocol is part of what is held. */
function portItem(port: ServicePort, nodePort: number): string {
  return `${nodePort}-${port.protocol ?? 'TCP'}`
}

function portItems(spec: ServiceSpec | undefined): readonly string[] {
  return (spec?.ports ?? []).flatMap((port) => (port.nodePort ? [portItem(port, port.nodePort)] : []))
}

async function withPorts(
  allocators: Allocators,
  ledger: Ledger,
  spec: ServiceSpec,
  before: ServiceSpec | undefined,
): Promise<ServiceSpec> {
  const held = new Set(portItems(before))
  const ports: ServicePort[] = []
  for (const port of spec.ports ?? []) {
    if (port.nodePort) {
      await takePort(allocators, ledger, held, port, port.nodePort)
      ports.push(port)
    } else if (wantsPorts(spec)) ports.push(await drawPort(allocators, ledger, before, port, ports))
    else ports.push(port)
  }
  if (!wantsPorts(spec) && spec.type !== 'LoadBalancer') {
    const plain = ports.map(({ nodePort: _nodePort, ...rest }) => rest)
    return spec.ports === undefined ? spec : { ...spec, ports: plain }
  }
  return { ...spec, ports }
}

async function takePort(
  allocators: Allocators,
  ledger: Ledger,
  held: ReadonlySet<string>,
  port: ServicePort,
  nodePort: number,
): Promise<void> {
  const item = portItem(port, nodePort)
  if (held.has(item) || ledger.takenPorts.includes(item)) return
  const isInRange = nodePort >= nodePortMin && nodePort <= nodePortMax
  if (isInRange && (await tryTake(allocators.ports, ledger, ledger.takenPorts, item))) return
  throw refuse(ledger, {
    type: 'FieldValueInvalid',
    field: 'spec.ports[0].nodePort',
    message: `Invalid value: ${nodePort}: ${isInRange ? 'provided port is already allocated' : `provided port is not in the valid range. The range of valid ports is ${nodePortMin}-${nodePortMax}`}`,
  })
}

async function drawPort(
  allocators: Allocators,
  ledger: Ledger,
  before: ServiceSpec | undefined,
  port: ServicePort,
  done: readonly ServicePort[],
): Promise<ServicePort> {
  const kept = (before?.ports ?? []).find(
    (old) => old.nodePort && old.port === port.port && (old.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
  )
  if (kept?.nodePort) return { ...port, nodePort: kept.nodePort }
  const sibling = done.find((other) => other.port === port.port && other.nodePort)?.nodePort
  const size = nodePortMax - nodePortMin + 1
  for (let draw = 0; draw < size; draw += 1) {
    const drawn = draw < drawsMax ? nodePortMin + allocators.parts.random.int(size) : nodePortMin + draw
    const nodePort = draw === 0 && sibling ? sibling : drawn
    if (await tryTake(allocators.ports, ledger, ledger.takenPorts, portItem(port, nodePort)))
      return { ...port, nodePort }
  }
  throw internalError('failed to allocate a nodePort: range is full')
}

/** Gives back what `previous` held and `next` (undefined: nothing) does not. */
async function releaseAll(
  allocators: Allocators,
  previous: KubeObject,
  next: KubeObject | undefined,
): Promise<void> {
  const before = trusted<Service>(previous).spec ?? {}
  const after = next ? (trusted<Service>(next).spec ?? {}) : {}
  const address = needsAddress(before) && before.clusterIP !== after.clusterIP ? before.clusterIP : undefined
  const kept = new Set(portItems(after))
  const ports = portItems(before).filter((item) => !kept.has(item))
  await release(allocators, previous.metadata.uid ?? '', address ? [address] : [], ports)
}

async function release(
  allocators: Allocators,
  uid: string,
  addresses: readonly string[],
  ports: readonly string[],
): Promise<void> {
  for (const address of addresses) await allocators.addresses.release(address, uid)
  for (const port of ports) await allocators.ports.release(port, uid)
}

function refuse(ledger: Ledger, error: FieldError): Error {
  return invalid({ group: '', resource: 'Service' }, ledger.owner.name, [error])
}
