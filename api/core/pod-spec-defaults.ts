/**
 * Defaults of everything that stands in a pod spec, shared by Pod, PodTemplate and all workloads.
 *
 * Idempotent. What only pods get (requests from limits, service links) is in pod.ts.
 * Source: kubernetes pkg/apis/core/v1/defaults.go.
 */
import { mapList, trusted, withDefaults, withFields } from '../meta/json.ts'
import type {
  Container,
  ContainerPort,
  EnvVar,
  EphemeralContainer,
  HTTPGetAction,
  Lifecycle,
  LifecycleHandler,
  PodSpec,
  PodTemplateSpec,
  Probe,
} from '../types.ts'
import { setVolumeDefaults } from './volume-defaults.ts'

/** The tag of an image reference: `latest` when it has neither tag nor digest, '' with a digest only. */
export function imageTag(image: string): string {
  const at = image.indexOf('@')
  const name = at < 0 ? image : image.slice(0, at)
  const colon = name.lastIndexOf(':')
  if (colon > name.lastIndexOf('/')) return name.slice(colon + 1)
  return at < 0 ? 'latest' : ''
}

function setHttpGetDefaults(action: HTTPGetAction): HTTPGetAction {
  return withDefaults(action, { path: '/', scheme: 'HTTP' })
}

function setProbeDefaults(probe: Probe | undefined): Probe | undefined {
  if (probe === undefined) return undefined
  const timed = withDefaults(probe, {
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  })
  return withFields(timed, {
    httpGet: probe.httpGet === undefined ? undefined : setHttpGetDefaults(probe.httpGet),
    grpc: probe.grpc === undefined ? undefined : withDefaults(probe.grpc, { service: '' }),
  })
}

function setHandlerDefaults(handler: LifecycleHandler | undefined): LifecycleHandler | undefined {
  if (handler?.httpGet === undefined) return handler
  return withFields(handler, { httpGet: setHttpGetDefaults(handler.httpGet) })
}

function setLifecycleDefaults(lifecycle: Lifecycle | undefined): Lifecycle | undefined {
  if (lifecycle === undefined) return undefined
  return withFields(lifecycle, {
    postStart: setHandlerDefaults(lifecycle.postStart),
    preStop: setHandlerDefaults(lifecycle.preStop),
  })
}

function setPortDefaults(port: ContainerPort, isHostNetwork: boolean): ContainerPort {
  return withDefaults(port, {
    protocol: 'TCP',
    ...(isHostNetwork ? { hostPort: port.containerPort } : {}),
  })
}

function setEnvDefaults(env: EnvVar): EnvVar {
  const fieldRef = env.valueFrom?.fieldRef
  if (env.valueFrom === undefined || fieldRef === undefined) return env
  const next = withDefaults(fieldRef, { apiVersion: 'v1' })
  return withFields(env, { valueFrom: withFields(env.valueFrom, { fieldRef: next }) })
}

function setContainerDefaults<C extends Container | EphemeralContainer>(
  container: C,
  isHostNetwork: boolean,
): C {
  const imagePullPolicy = imageTag(container.image ?? '') === 'latest' ? 'Always' : 'IfNotPresent'
  const base = withDefaults<Container | EphemeralContainer>(container, {
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy,
  })
  const next = withFields<Container | EphemeralContainer>(base, {
    ports: mapList(base.ports, (port) => setPortDefaults(port, isHostNetwork)),
    env: mapList(base.env, setEnvDefaults),
    livenessProbe: setProbeDefaults(base.livenessProbe),
    readinessProbe: setProbeDefaults(base.readinessProbe),
    startupProbe: setProbeDefaults(base.startupProbe),
    lifecycle: setLifecycleDefaults(base.lifecycle),
  })
  return trusted<C>(next)
}

/** Defaults of a pod spec, wherever it stands. */
export function setPodSpecDefaults(spec: PodSpec): PodSpec {
  const isHostNetwork = spec.hostNetwork === true
  const account = spec.serviceAccountName ?? spec.serviceAccount
  const base = withDefaults(spec, {
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    schedulerName: 'default-scheduler',
    securityContext: {},
    serviceAccountName: account,
  })
  return withFields(base, {
    // The deprecated name mirrors the new one.
    serviceAccount: account,
    containers: mapList(base.containers, (container) => setContainerDefaults(container, isHostNetwork)) ?? [],
    initContainers: mapList(base.initContainers, (container) =>
      setContainerDefaults(container, isHostNetwork),
    ),
    ephemeralContainers: mapList(base.ephemeralContainers, (container) =>
      setContainerDefaults(container, isHostNetwork),
    ),
    volumes: mapList(base.volumes, setVolumeDefaults),
  })
}

/** Defaults of a pod template. */
export function setPodTemplateDefaults(template: PodTemplateSpec | undefined): PodTemplateSpec {
  const base = withDefaults<PodTemplateSpec>(template ?? {}, { metadata: {} })
  return base.spec === undefined ? base : withFields(base, { spec: setPodSpecDefaults(base.spec) })
}
