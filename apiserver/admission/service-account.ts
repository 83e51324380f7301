/**
 * ServiceAccount: every pod runs as an account of its namespace, and finds a token, the cluster's CA and
 * its namespace under /var/run/secrets/kubernetes.io/serviceaccount unless told not to.
 * Source: k8s.io/kubernetes plugin/pkg/admission/serviceaccount.
 */
import { serviceAccounts } from '../../api/core/service-account.ts'
import { trusted } from '../../api/meta/json.ts'
import { forbidden } from '../../api/meta/status.ts'
import { nameSuffix } from '../../api/meta/names.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Container, Pod, PodSpec, ServiceAccount, Volume } from '../../api/types.ts'
import { findObject, type Lookup } from './lookup.ts'
import { type AdmissionPlugin, type Attributes, isCore } from './plugin.ts'

const defaultAccount = 'default'
const tokenMountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
const tokenVolumePrefix = 'kube-api-access-'
const mirrorAnnotation = 'kubernetes.io/config.mirror'
/** Upstream's odd hour: one more than the kubelet's refresh margin makes it live at least an hour. */
const tokenExpirationSeconds = 3_607
const volumeMode = 0o644

export interface ServiceAccountParts extends Lookup {
  /** Draws the suffix of the token volume's name. */
  readonly random: { int(bound: number): number }
}

export function serviceAccount(parts: ServiceAccountParts): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    async mutate(attributes, object) {
      const isPod = isCore(attributes, 'pods') && attributes.subresource === ''
      if (!isPod || attributes.operation !== 'CREATE') return object
      if (object.metadata.annotations?.[mirrorAnnotation] !== undefined) return object
      return await withAccount(parts, attributes, object)
    },
  }
}

async function withAccount(
  parts: ServiceAccountParts,
  attributes: Attributes,
  object: KubeObject,
): Promise<KubeObject> {
  const pod = trusted<Pod>(object)
  const { spec } = pod
  if (!spec) return object
  const name = spec.serviceAccountName || spec.serviceAccount || defaultAccount
  const account = await findAccount(parts, attributes, name)
  const named: PodSpec = { ...spec, serviceAccountName: name, serviceAccount: name }
  const mounts = spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true
  const mounted = mounts ? withTokenMounts(named, () => nameSuffix(parts.random, 5)) : named
  const pullSecrets =
    (spec.imagePullSecrets ?? []).length > 0 ? spec.imagePullSecrets : account.imagePullSecrets
  return trusted<KubeObject>({
    ...pod,
    spec: { ...mounted, ...(pullSecrets === undefined ? {} : { imagePullSecrets: pullSecrets }) },
  })
}

async function findAccount(
  parts: ServiceAccountParts,
  attributes: Attributes,
  name: string,
): Promise<ServiceAccount> {
  const found = await findObject(parts, serviceAccounts, attributes.namespace, name)
  if (found) return trusted<ServiceAccount>(found)
  throw forbidden(
    attributes.kind,
    attributes.name,
    `error looking up service account ${attributes.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
  )
}

/** The spec with the token volume, and a mount of it in every container that has none. Pure but for the name. */
export function withTokenMounts(spec: PodSpec, drawSuffix: () => string): PodSpec {
  const present = (spec.volumes ?? []).find((volume) => volume.name.startsWith(tokenVolumePrefix))
  const name = present?.name ?? `${tokenVolumePrefix}${drawSuffix()}`
  let isUsed = false
  const mount = <C extends Pick<Container, 'volumeMounts'>>(container: C): C => {
    const mounts = container.volumeMounts ?? []
    if (mounts.some((candidate) => candidate.mountPath === tokenMountPath)) return container
    isUsed = true
    const own = { name, readOnly: true, mountPath: tokenMountPath }
    return { ...container, volumeMounts: [...mounts, own] }
  }
  const containers = spec.containers.map(mount)
  const initContainers = spec.initContainers?.map(mount)
  if (!isUsed) return spec
  return {
    ...spec,
    containers,
    ...(initContainers === undefined ? {} : { initContainers }),
    volumes: present ? spec.volumes : [...(spec.volumes ?? []), tokenVolume(name)],
  }
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: volumeMode,
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenExpirationSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [
              {
                path: 'namespace',
                fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
              },
            ],
          },
        },
      ],
    },
  }
}
