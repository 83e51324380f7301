/**
 * Which apiservers are alive. Each renews a Lease of its own in kube-system; each makes the endpoints of
 * Service `kubernetes` those of all whose Lease is fresh. A replica that dies leaves within `livenessMs`.
 * Source: KEP-1965; k8s.io/kubernetes pkg/controlplane/reconcilers/lease.go.
 */
import { leases } from '../../api/coordination/lease.ts'
import { endpoints } from '../../api/core/endpoints.ts'
import { endpointSlices } from '../../api/discovery/endpoint-slice.ts'
import { anyKind } from '../../api/meta/kind-definition.ts'
import { fieldOf } from '../../api/meta/json.ts'
import type { KubeObject } from '../../api/kind.ts'
import { messageOf } from '../../platform/assert.ts'
import { formatMicroTime, parseTime, sleep, withDeadline } from '../../platform/clock.ts'
import type { Address } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { untilAborted } from '../pipeline/race.ts'
import { collectionPrefix } from '../storage/keys.ts'
import { asObject } from '../storage/parse.ts'
import { deleteIfPresent, ensureObject } from './writer.ts'

const namespace = 'kube-system'
const identityLabel = 'apiserver.kubernetes.io/identity'
const addressAnnotation = 'apiserver.skedia.dev/advertise-address'
const renewMs = 10_000
/** A store that does not answer must not keep a process from ending. */
const goodbyeMs = 1_000
/** A Lease that was not renewed for this long belongs to a dead replica. */
const livenessMs = 30_000

/** Renews the Lease and keeps the endpoints right until the signal aborts. */
export async function runIdentity(parts: Parts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await renew(parts)
      await reconcileEndpoints(parts)
    } catch (error) {
      parts.powers.log.warn('identity Lease or endpoints were not renewed', { error: messageOf(error) })
    }
    await sleep(parts.powers.clock, renewMs, signal)
  }
}

/** Says goodbye, so that nobody is sent here any more. Errors do not matter: the Lease runs out. */
export async function removeOwnLease(parts: Parts): Promise<void> {
  if (!parts.readiness.isBootstrapped) return
  const leave = async () => {
    await deleteIfPresent(parts, anyKind(leases), namespace, leaseName(parts))
    await reconcileEndpoints(parts)
  }
  try {
    await withDeadline(
      { clock: parts.powers.clock, timeoutMs: goodbyeMs, attempted: 'removal of the identity Lease' },
      (signal) => untilAborted(leave(), signal),
    )
  } catch (error) {
    parts.powers.log.info('the identity Lease stays until it runs out', { error: messageOf(error) })
  }
}

function leaseName(parts: Parts): string {
  return `apiserver-${parts.config.name}`
}

async function renew(parts: Parts): Promise<void> {
  const { advertiseAddress } = parts.config
  const fresh = asObject({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: leaseName(parts),
      namespace,
      labels: { [identityLabel]: 'kube-apiserver', 'kubernetes.io/hostname': parts.config.name },
      annotations: { [addressAnnotation]: `${advertiseAddress.host}:${advertiseAddress.port}` },
    },
    spec: {
      holderIdentity: leaseName(parts),
      leaseDurationSeconds: livenessMs / 1000,
      renewTime: formatMicroTime(parts.powers.clock.wallMs()),
    },
  })
  await ensureObject(parts, anyKind(leases), fresh, (current) =>
    asObject({
      ...current,
      metadata: {
        ...current.metadata,
        labels: fresh.metadata.labels,
        annotations: fresh.metadata.annotations,
      },
      spec: fresh['spec'],
    }),
  )
}

async function reconcileEndpoints(parts: Parts): Promise<void> {
  const prefix = collectionPrefix(leases, namespace)
  const { objects } = await parts.storage.list({ prefix })
  const nowMs = parts.powers.clock.wallMs()
  const alive = liveAddresses(
    objects.map((stored) => stored.object()),
    nowMs,
  )
  if (alive.length === 0) return
  await reconcileSlices(parts, alive)
  const legacy = endpointsObject(alive)
  await ensureObject(parts, anyKind(endpoints), legacy, (current) =>
    asObject({ ...current, subsets: legacy['subsets'] }),
  )
}

/** Addresses of the replicas whose Lease is fresh, in order of host and port. Pure. */
export function liveAddresses(leaseObjects: readonly KubeObject[], nowMs: number): readonly Address[] {
  const found = leaseObjects.flatMap((lease) => {
    const text = lease.metadata.annotations?.[addressAnnotation]
    const renewed = parseTime(String(fieldOf(lease['spec'], 'renewTime') ?? ''))
    if (text === undefined || renewed === undefined || nowMs - renewed > livenessMs) return []
    const colon = text.lastIndexOf(':')
    return [{ host: text.slice(0, colon), port: Number(text.slice(colon + 1)) }]
  })
  const key = (address: Address) => `${address.host}:${String(address.port).padStart(5, '0')}`
  return [...new Map(found.map((address) => [key(address), address]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, address]) => address)
}

/** A slice has one set of ports, so replicas that share a host need one slice for each port. */
async function reconcileSlices(parts: Parts, alive: readonly Address[]): Promise<void> {
  const kind = anyKind(endpointSlices)
  const wanted = sliceObjects(alive)
  for (const slice of wanted)
    await ensureObject(parts, kind, slice, (current) =>
      asObject({ ...current, endpoints: slice['endpoints'], ports: slice['ports'] }),
    )
  const names = new Set(wanted.map((slice) => slice.metadata.name))
  const { objects } = await parts.storage.list({ prefix: `${collectionPrefix(kind, 'default')}kubernetes-` })
  for (const stored of objects) {
    const { name = '' } = stored.object().metadata
    if (/^kubernetes-\d+$/.test(name) && !names.has(name)) await deleteIfPresent(parts, kind, 'default', name)
  }
}

/** `kubernetes` for the smallest port, `kubernetes-<port>` for each other one. Pure. */
export function sliceObjects(alive: readonly Address[]): readonly KubeObject[] {
  return portsOf(alive).map((port, at) =>
    asObject({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: at === 0 ? 'kubernetes' : `kubernetes-${port}`,
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'kubernetes' },
      },
      addressType: 'IPv4',
      endpoints: alive
        .filter((address) => address.port === port)
        .map(({ host }) => ({ addresses: [host], conditions: { ready: true } })),
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    }),
  )
}

function portsOf(alive: readonly Address[]): readonly number[] {
  return [...new Set(alive.map((address) => address.port))].sort((a, b) => a - b)
}

function endpointsObject(alive: readonly Address[]): KubeObject {
  return asObject({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    },
    subsets: subsetsOf(alive),
  })
}

function subsetsOf(alive: readonly Address[]) {
  return portsOf(alive).map((port) => ({
    addresses: alive.filter((address) => address.port === port).map((address) => ({ ip: address.host })),
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  }))
}
