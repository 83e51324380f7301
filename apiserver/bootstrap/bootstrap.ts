/**
 * What every apiserver sees to when it starts: namespaces, RBAC defaults, priority classes, flow control
 * objects, Service `kubernetes`. Every step is idempotent and compare-and-swapped, so any number of replicas
 * may run it at once; on a cluster that has everything it only reads.
 */
import { configMaps } from '../../api/core/config-map.ts'
import { namespaces } from '../../api/core/namespace.ts'
import { services } from '../../api/core/service.ts'
import { flowSchemas } from '../../api/flowcontrol/flow-schema.ts'
import { priorityLevelConfigurations } from '../../api/flowcontrol/priority-level-configuration.ts'
import { anyKind } from '../../api/meta/kind-definition.ts'
import { canonicalJson, isArray } from '../../api/meta/json.ts'
import { serviceCIDRs } from '../../api/networking/service-cidr.ts'
import { clusterRoleBindings } from '../../api/rbac/cluster-role-binding.ts'
import { clusterRoles } from '../../api/rbac/cluster-role.ts'
import { roleBindings } from '../../api/rbac/role-binding.ts'
import { roles } from '../../api/rbac/role.ts'
import { priorityClasses } from '../../api/scheduling/priority-class.ts'
import type { Kind, KubeObject } from '../../api/kind.ts'
import type { Parts } from '../parts.ts'
import { firstAddress, parseIpRange } from '../registry/ip-range.ts'
import { kindPrefix, objectKey } from '../storage/keys.ts'
import { asObject } from '../storage/parse.ts'
import {
  clusterRoleBindingObjects,
  clusterRoleObjects,
  roleBindingObjects,
  roleObjects,
} from './rbac-objects.ts'
import {
  flowSchemaObjects,
  namespaceObjects,
  priorityClassObjects,
  priorityLevelObjects,
} from './system-objects.ts'
import { createIfMissing, ensureObject } from './writer.ts'

/** Writes in flight at once; they share the store's group commits. */
const parallelMax = 32

/** A list of rules or subjects that defaults are added to. */
type Gathered = 'rules' | 'subjects'

/** Brings the system objects into being. @throws StoreError, ApiError: try again */
export async function bootstrap(parts: Parts): Promise<void> {
  await ensureAll(parts, anyKind(namespaces), namespaceObjects())
  await Promise.all([
    ensureAll(parts, anyKind(clusterRoles), clusterRoleObjects(), 'rules'),
    ensureAll(parts, anyKind(clusterRoleBindings), clusterRoleBindingObjects(), 'subjects'),
    ensureAll(parts, anyKind(roles), roleObjects(), 'rules'),
    ensureAll(parts, anyKind(roleBindings), roleBindingObjects(), 'subjects'),
    ensureAll(parts, anyKind(priorityClasses), priorityClassObjects()),
    ensureAll(parts, anyKind(priorityLevelConfigurations), priorityLevelObjects()),
    ensureAll(parts, anyKind(flowSchemas), flowSchemaObjects()),
    ensureAll(parts, anyKind(services), [kubernetesService(parts)]),
    ensureAll(parts, anyKind(serviceCIDRs), [serviceCidr(parts)]),
    ensureAll(parts, anyKind(configMaps), [extensionAuthentication(parts)]),
  ])
}

async function ensureAll(
  parts: Parts,
  kind: Kind,
  objects: readonly KubeObject[],
  gathered?: Gathered,
): Promise<void> {
  const { objects: stored } = await parts.storage.list({ prefix: kindPrefix(kind) })
  const present = new Map(stored.map((found) => [found.key, found.object()]))
  const pending = objects.filter((object) => {
    const key = objectKey(kind, object.metadata.namespace, object.metadata.name ?? '')
    const found = present.get(key)
    return !found || (gathered !== undefined && withDefaults(found, object, gathered) !== found)
  })
  for (let at = 0; at < pending.length; at += parallelMax)
    await Promise.all(
      pending.slice(at, at + parallelMax).map((object) => ensureOne(parts, kind, object, gathered)),
    )
}

async function ensureOne(
  parts: Parts,
  kind: Kind,
  object: KubeObject,
  gathered: Gathered | undefined,
): Promise<void> {
  const wasCreated = await createIfMissing(parts, kind, object)
  if (wasCreated || gathered === undefined) return
  await ensureObject(parts, kind, object, (current) => withDefaults(current, object, gathered))
}

/** `current` with the defaults it lacks; itself when it has all or does not want them. Pure. */
export function withDefaults(current: KubeObject, wanted: KubeObject, gathered: Gathered): KubeObject {
  if (current.metadata.annotations?.['rbac.authorization.kubernetes.io/autoupdate'] === 'false')
    return current
  const present = listOf(current[gathered])
  const known = new Set(present.map((item) => canonicalJson(item)))
  const missing = listOf(wanted[gathered]).filter((item) => !known.has(canonicalJson(item)))
  if (missing.length === 0) return current
  return asObject({ ...current, [gathered]: [...present, ...missing] })
}

function listOf(value: unknown): readonly unknown[] {
  return isArray(value) ? value : []
}

/** ServiceCIDR `kubernetes`: the range of Service addresses, for people and tools to see. */
function serviceCidr(parts: Parts): KubeObject {
  return asObject({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: [parts.config.serviceCidr] },
  })
}

/** Where extension servers find the authority of client certificates. */
function extensionAuthentication(parts: Parts): KubeObject {
  return asObject({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: { 'client-ca-file': parts.config.clientCa },
  })
}

/** Service `default/kubernetes`: the first address of the range, port 443. */
function kubernetesService(parts: Parts): KubeObject {
  const clusterIP = firstAddress(parseIpRange(parts.config.serviceCidr))
  return asObject({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { component: 'apiserver', provider: 'kubernetes' },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [
        {
          name: 'https',
          protocol: 'TCP',
          port: 443,
          targetPort: parts.config.advertiseAddress.port,
        },
      ],
    },
  })
}
