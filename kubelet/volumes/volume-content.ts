/**
 * What is in a configMap, secret, downwardAPI or projected volume, as files. Pure.
 * Source: kubelet `volume/{configmap,secret,downwardapi,projected}`.
 */
import type {
  ConfigMap,
  ConfigMapProjection,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  Secret,
  SecretProjection,
  Volume,
  VolumeProjection,
} from '../../api/types.ts'
import { type PodFacts, fieldValue, resourceValue } from '../environment.ts'
import type { VolumeFile } from './volume-host.ts'

/** A volume cannot be made now; `message` is for the FailedMount event. */
export class VolumeError extends Error {
  readonly code = 'E_VOLUME'
  constructor(message: string) {
    super(message)
    this.name = 'VolumeError'
  }
}

export interface VolumeSources {
  readonly pod: Pod
  readonly facts: PodFacts
  readonly configMap: (name: string) => ConfigMap | undefined
  readonly secret: (name: string) => Secret | undefined
  /** A token for the pod's ServiceAccount, by audience and lifetime. */
  readonly token: (audience: string | undefined, expirationSeconds: number) => string
}

const defaultMode = 0o644

/** The volume's files, or undefined when the volume is of another kind. @throws VolumeError */
export function volumeContent(volume: Volume, sources: VolumeSources): readonly VolumeFile[] | undefined {
  const { configMap, secret, downwardAPI, projected } = volume
  if (configMap !== undefined) return configMapFiles(configMap, configMap.defaultMode ?? defaultMode, sources)
  if (secret !== undefined) {
    return secretFiles({ ...secret, name: secret.secretName }, secret.defaultMode ?? defaultMode, sources)
  }
  if (downwardAPI !== undefined)
    return downwardFiles(downwardAPI.items, downwardAPI.defaultMode ?? defaultMode, sources)
  if (projected !== undefined) {
    const mode = projected.defaultMode ?? defaultMode
    return merged((projected.sources ?? []).flatMap((source) => projectedFiles(source, mode, sources)))
  }
  return undefined
}

function projectedFiles(
  source: VolumeProjection,
  mode: number,
  sources: VolumeSources,
): readonly VolumeFile[] {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source
  if (configMap !== undefined) return configMapFiles(configMap, mode, sources)
  if (secret !== undefined) return secretFiles(secret, mode, sources)
  if (downwardAPI !== undefined) return downwardFiles(downwardAPI.items, mode, sources)
  if (serviceAccountToken !== undefined) {
    const { audience, expirationSeconds, path } = serviceAccountToken
    return [file(path, sources.token(audience, expirationSeconds ?? 3600), 0o600 | (mode & 0o044))]
  }
  throw new VolumeError(
    'projected volume has a source that this node does not know: use configMap, secret, downwardAPI or serviceAccountToken',
  )
}

function configMapFiles(
  source: ConfigMapProjection,
  mode: number,
  sources: VolumeSources,
): readonly VolumeFile[] {
  const object = sources.configMap(source.name ?? '')
  if (object === undefined) {
    if (source.optional === true) return []
    throw new VolumeError(`configmap "${source.name}" not found`)
  }
  const contents = new Map<string, Uint8Array>()
  for (const [key, value] of Object.entries(object.data ?? {}))
    contents.set(key, new TextEncoder().encode(value))
  for (const [key, value] of Object.entries(object.binaryData ?? {})) contents.set(key, decodeBase64(value))
  return keyedFiles(contents, source.items, mode, source.optional === true, `configmap "${source.name}"`)
}

function secretFiles(source: SecretProjection, mode: number, sources: VolumeSources): readonly VolumeFile[] {
  const object = sources.secret(source.name ?? '')
  if (object === undefined) {
    if (source.optional === true) return []
    throw new VolumeError(`secret "${source.name}" not found`)
  }
  const contents = new Map<string, Uint8Array>()
  for (const [key, value] of Object.entries(object.data ?? {})) contents.set(key, decodeBase64(value))
  return keyedFiles(contents, source.items, mode, source.optional === true, `secret "${source.name}"`)
}

function keyedFiles(
  contents: ReadonlyMap<string, Uint8Array>,
  items: readonly KeyToPath[] | undefined,
  mode: number,
  isOptional: boolean,
  what: string,
): readonly VolumeFile[] {
  if (items === undefined || items.length === 0) {
    return Array.from(contents, ([path, content]) => ({ path, content, mode }))
  }
  return items.flatMap((item) => {
    const content = contents.get(item.key)
    if (content === undefined && !isOptional)
      throw new VolumeError(`${what} references non-existent key: ${item.key}`)
    return content === undefined ? [] : [{ path: safePath(item.path), content, mode: item.mode ?? mode }]
  })
}

function downwardFiles(
  items: readonly DownwardAPIVolumeFile[] | undefined,
  mode: number,
  sources: VolumeSources,
): readonly VolumeFile[] {
  const { pod, facts } = sources
  const [first] = pod.spec?.containers ?? []
  return (items ?? []).map((item) => {
    const text =
      item.fieldRef !== undefined
        ? fieldValue(item.fieldRef.fieldPath, pod, facts)
        : item.resourceFieldRef !== undefined && first !== undefined
          ? resourceValue(item.resourceFieldRef, first, pod, facts)
          : ''
    return file(item.path, text, item.mode ?? mode)
  })
}

function file(path: string, text: string, mode: number): VolumeFile {
  return { path: safePath(path), content: new TextEncoder().encode(text), mode }
}

/** A later file of the same path wins. */
function merged(files: readonly VolumeFile[]): readonly VolumeFile[] {
  return [...new Map(files.map((one) => [one.path, one])).values()]
}

function safePath(path: string): string {
  if (path.startsWith('/') || path.split('/').includes('..') || path === '') {
    throw new VolumeError(`path "${path}" of a volume item must be relative and must not contain ".."`)
  }
  return path
}

function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}
