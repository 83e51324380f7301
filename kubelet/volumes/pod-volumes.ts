/**
 * A pod's volumes from its spec: fetches what they are made of, has them made, and gives the mounts of each
 * container. Content is fetched again on `refresh`, so changed ConfigMaps and Secrets arrive, and tokens
 * are renewed after 80 % of their life.
 */
import { configMaps } from '../../api/core/config-map.ts'
import { secrets } from '../../api/core/secret.ts'
import { serviceAccounts } from '../../api/core/service-account.ts'
import { parseQuantity, toWhole } from '../../api/meta/quantity.ts'
import { isNotFound } from '../../api/meta/status.ts'
import type { ConfigMap, Container, Pod, Secret, Volume } from '../../api/types.ts'
import type { ApiClient } from '../../client/index.ts'
import { type Clock, parseTime } from '../../platform/clock.ts'
import { NetworkError } from '../../platform/network.ts'
import { expand, type EnvVariable, type PodFacts } from '../environment.ts'
import type { ContainerMount } from '../runtime/oci-runtime.ts'
import { VolumeError, volumeContent } from './volume-content.ts'
import type { VolumeHost } from './volume-host.ts'

interface Token {
  readonly text: string
  readonly renewAtMs: number
}

/** What a pod refers to, fetched. */
export interface PodObjects {
  readonly configMap: (name: string) => ConfigMap | undefined
  readonly secret: (name: string) => Secret | undefined
}

export class PodVolumes {
  readonly #clock: Clock
  readonly #client: ApiClient
  readonly #host: VolumeHost
  readonly #pod: Pod
  readonly #tokens = new Map<string, Token>()
  readonly #lastConfigMaps = new Map<string, ConfigMap>()
  readonly #lastSecrets = new Map<string, Secret>()
  #paths: ReadonlyMap<string, string> = new Map()

  /** Fetches nothing yet. */
  constructor(options: {
    readonly clock: Clock
    readonly client: ApiClient
    readonly host: VolumeHost
    readonly pod: Pod
  }) {
    this.#clock = options.clock
    this.#client = options.client
    this.#host = options.host
    this.#pod = options.pod
  }

  /** The earliest time at which a token must be renewed. */
  get renewAtMs(): number | undefined {
    const times = Array.from(this.#tokens.values(), (token) => token.renewAtMs)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** The ConfigMaps and Secrets that volumes, or the containers' environments, name. */
  async fetchObjects(scope: 'volumes' | 'environment', signal: AbortSignal): Promise<PodObjects> {
    const names = scope === 'volumes' ? volumeReferences(this.#pod) : environmentReferences(this.#pod)
    const namespace = this.#pod.metadata.namespace
    const [found, foundSecrets] = await Promise.all([
      this.#fetch(names.configMaps, this.#lastConfigMaps, (name) =>
        this.#client.resource(configMaps, namespace).get(name, { signal }),
      ),
      this.#fetch(names.secrets, this.#lastSecrets, (name) =>
        this.#client.resource(secrets, namespace).get(name, { signal }),
      ),
    ])
    return { configMap: (name) => found.get(name), secret: (name) => foundSecrets.get(name) }
  }

  /** Fetches objects by name; while no apiserver answers, what was fetched last counts. */
  async #fetch<T>(
    names: ReadonlySet<string>,
    last: Map<string, T>,
    get: (name: string) => Promise<T>,
  ): Promise<ReadonlyMap<string, T>> {
    const found = new Map<string, T>()
    const fetchOne = async (name: string) => {
      try {
        const object = await get(name)
        found.set(name, object)
        last.set(name, object)
      } catch (error) {
        const known = error instanceof NetworkError ? last.get(name) : undefined
        if (known !== undefined) found.set(name, known)
        else if (!isNotFound(error)) throw error
      }
    }
    await Promise.all(Array.from(names, fetchOne))
    return found
  }

  /**
   * Makes, or brings up to date, every volume. While no apiserver answers, volumes that were made before are
   * used as they are. @throws VolumeError, ApiError, NetworkError
   */
  async refresh(facts: PodFacts, signal: AbortSignal): Promise<void> {
    const volumes = this.#pod.spec?.volumes ?? []
    if (volumes.length === 0) return
    try {
      await this.#makeAll(volumes, facts, signal)
    } catch (error) {
      const found =
        error instanceof NetworkError && !signal.aborted ? await this.#findAll(volumes) : undefined
      if (found === undefined) throw error
      this.#paths = found
    }
  }

  async #findAll(volumes: readonly Volume[]): Promise<ReadonlyMap<string, string> | undefined> {
    const paths = new Map<string, string>()
    for (const volume of volumes) {
      const path = volume.hostPath?.path ?? (await this.#host.find(this.#pod.metadata.uid ?? '', volume.name))
      if (path === undefined) return undefined
      paths.set(volume.name, path)
    }
    return paths
  }

  async #makeAll(volumes: readonly Volume[], facts: PodFacts, signal: AbortSignal): Promise<void> {
    const objects = await this.fetchObjects('volumes', signal)
    await this.#fetchTokens(volumes, signal)
    const paths = new Map<string, string>()
    for (const volume of volumes) paths.set(volume.name, await this.#make(volume, facts, objects))
    this.#paths = paths
  }

  /** The container's mounts. After `refresh`. @throws VolumeError */
  async mountsOf(
    container: Container,
    environment: readonly EnvVariable[],
  ): Promise<readonly ContainerMount[]> {
    const values = new Map(environment.map(({ name, value }) => [name, value]))
    const mounts: ContainerMount[] = []
    for (const mount of container.volumeMounts ?? []) {
      const path = this.#paths.get(mount.name)
      if (path === undefined)
        throw new VolumeError(`volumeMounts names "${mount.name}", which is no volume of the pod`)
      const subPath =
        mount.subPathExpr === undefined ? (mount.subPath ?? '') : expand(mount.subPathExpr, values)
      mounts.push({
        type: 'bind',
        source: subPath === '' ? path : await this.#host.resolveSubPath(path, subPath),
        destination: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
        isReadOnly: mount.readOnly === true || this.#isReadOnlyVolume(mount.name),
        propagation:
          mount.mountPropagation === 'Bidirectional'
            ? 'rshared'
            : mount.mountPropagation === 'HostToContainer'
              ? 'rslave'
              : 'private',
      })
    }
    return mounts
  }

  #isReadOnlyVolume(name: string): boolean {
    const volume = this.#pod.spec?.volumes?.find((one) => one.name === name)
    return (
      volume !== undefined &&
      (volume.configMap ?? volume.secret ?? volume.projected ?? volume.downwardAPI) !== undefined
    )
  }

  async #make(volume: Volume, facts: PodFacts, objects: PodObjects): Promise<string> {
    const podUid = this.#pod.metadata.uid ?? ''
    const fsGroup = this.#pod.spec?.securityContext?.fsGroup
    if (volume.emptyDir !== undefined) {
      const limit = volume.emptyDir.sizeLimit
      return await this.#host.prepareDirectory({
        podUid,
        volume: volume.name,
        medium: volume.emptyDir.medium === 'Memory' ? 'memory' : 'disk',
        sizeLimitBytes: limit === undefined ? undefined : toWhole(parseQuantity(limit)),
        fsGroup,
      })
    }
    if (volume.hostPath !== undefined) {
      await this.#host.checkHostPath(volume.hostPath.path, volume.hostPath.type ?? '')
      return volume.hostPath.path
    }
    const files = volumeContent(volume, {
      pod: this.#pod,
      facts,
      ...objects,
      token: (audience, expirationSeconds) =>
        this.#tokens.get(tokenKey(audience, expirationSeconds))?.text ?? '',
    })
    if (files !== undefined)
      return await this.#host.writeFiles({ podUid, volume: volume.name, files, fsGroup })
    const [kind = 'unknown'] = Object.keys(volume).filter((key) => key !== 'name')
    throw new VolumeError(
      `volume "${volume.name}" is of type ${kind}, which this node cannot mount: use emptyDir, hostPath, configMap, secret, downwardAPI or projected`,
    )
  }

  async #fetchTokens(volumes: readonly Volume[], signal: AbortSignal): Promise<void> {
    const wanted = volumes.flatMap((volume) =>
      (volume.projected?.sources ?? []).flatMap((source) => source.serviceAccountToken ?? []),
    )
    for (const { audience, expirationSeconds } of wanted) {
      const seconds = expirationSeconds ?? 3600
      const key = tokenKey(audience, seconds)
      const nowMs = this.#clock.wallMs()
      if ((this.#tokens.get(key)?.renewAtMs ?? 0) > nowMs) continue
      this.#tokens.set(key, await this.#requestToken(audience, seconds, nowMs, signal))
    }
  }

  async #requestToken(
    audience: string | undefined,
    expirationSeconds: number,
    nowMs: number,
    signal: AbortSignal,
  ): Promise<Token> {
    const { metadata, spec } = this.#pod
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience === undefined || audience === '' ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: metadata.name, uid: metadata.uid },
      },
    }
    const account = spec?.serviceAccountName || 'default'
    const accounts = this.#client.resource(serviceAccounts, metadata.namespace)
    const answer = await accounts.createSubresource(account, 'token', body, { signal })
    const { token, expirationTimestamp } = tokenStatus(answer)
    const endMs = parseTime(expirationTimestamp) ?? nowMs + expirationSeconds * 1000
    return { text: token, renewAtMs: nowMs + (endMs - nowMs) * 0.8 }
  }
}

function tokenKey(audience: string | undefined, expirationSeconds: number): string {
  return `${expirationSeconds}/${audience ?? ''}`
}

function tokenStatus(answer: unknown): { readonly token: string; readonly expirationTimestamp: string } {
  const { status } = answer as { status?: { token?: string; expirationTimestamp?: string } } // unsafe: TokenRequest, checked below
  if (status?.token === undefined)
    throw new VolumeError('the API server answered a token request without a token')
  return { token: status.token, expirationTimestamp: status.expirationTimestamp ?? '' }
}

interface References {
  readonly configMaps: Set<string>
  readonly secrets: Set<string>
}

function volumeReferences(pod: Pod): References {
  const references: References = { configMaps: new Set(), secrets: new Set() }
  for (const { configMap, secret, projected } of pod.spec?.volumes ?? []) {
    if (configMap?.name) references.configMaps.add(configMap.name)
    if (secret?.secretName) references.secrets.add(secret.secretName)
    for (const source of projected?.sources ?? []) {
      if (source.configMap?.name) references.configMaps.add(source.configMap.name)
      if (source.secret?.name) references.secrets.add(source.secret.name)
    }
  }
  return references
}

function environmentReferences(pod: Pod): References {
  const references: References = { configMaps: new Set(), secrets: new Set() }
  for (const container of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      if (configMapRef?.name) references.configMaps.add(configMapRef.name)
      if (secretRef?.name) references.secrets.add(secretRef.name)
    }
    for (const { valueFrom } of container.env ?? []) {
      if (valueFrom?.configMapKeyRef?.name) references.configMaps.add(valueFrom.configMapKeyRef.name)
      if (valueFrom?.secretKeyRef?.name) references.secrets.add(valueFrom.secretKeyRef.name)
    }
  }
  return references
}
