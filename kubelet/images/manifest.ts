/**
 * OCI and Docker manifests, indexes and image configurations. Pure: bytes parsed once, trusted after.
 * Source: OCI image-spec manifest.md, image-index.md, config.md; Docker image manifest v2 schema 2.
 */
import type { ImageConfig } from './image-service.ts'

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly platform:
    | { readonly architecture: string; readonly os: string; readonly variant: string | undefined }
    | undefined
  readonly annotations: Readonly<Record<string, string>>
}

export type Manifest =
  | { readonly kind: 'index'; readonly manifests: readonly Descriptor[] }
  | { readonly kind: 'image'; readonly config: Descriptor; readonly layers: readonly Descriptor[] }

export interface ConfigFile {
  readonly config: ImageConfig
  /** Digests of the uncompressed layers, lowest first. */
  readonly diffIds: readonly string[]
  readonly architecture: string
}

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
} as const

/** A manifest or configuration that is not what the specification says. */
export class ManifestError extends Error {
  readonly code = 'E_MANIFEST'
  constructor(message: string) {
    super(message)
    this.name = 'ManifestError'
  }
}

/** @throws ManifestError */
export function parseManifest(bytes: Uint8Array): Manifest {
  const root = record(parseJson(bytes, 'manifest'), 'manifest')
  if (Array.isArray(root.manifests)) {
    return {
      kind: 'index',
      manifests: root.manifests.map((item, index) => descriptor(item, `manifests[${index}]`)),
    }
  }
  if (root.config === undefined || !Array.isArray(root.layers)) {
    throw new ManifestError(
      'manifest has neither "manifests" nor "config" and "layers": schema 1 is not supported',
    )
  }
  return {
    kind: 'image',
    config: descriptor(root.config, 'config'),
    layers: root.layers.map((item, index) => descriptor(item, `layers[${index}]`)),
  }
}

/** @throws ManifestError */
export function parseConfigFile(bytes: Uint8Array): ConfigFile {
  const root = record(parseJson(bytes, 'image configuration'), 'image configuration')
  const config = root.config === undefined || root.config === null ? {} : record(root.config, 'config')
  const rootfs = record(root.rootfs, 'rootfs')
  return {
    architecture: text(root.architecture),
    diffIds: texts(rootfs.diff_ids),
    config: {
      entrypoint: texts(config.Entrypoint),
      command: texts(config.Cmd),
      environment: texts(config.Env),
      user: text(config.User),
      workingDirectory: text(config.WorkingDir),
      stopSignal: text(config.StopSignal) || undefined,
    },
  }
}

/** The entry for a machine; an index of one entry without platform counts for all. */
export function pickPlatform(manifests: readonly Descriptor[], architecture: string): Descriptor | undefined {
  const fitting = manifests.find(
    (one) => one.platform?.os === 'linux' && one.platform.architecture === architecture,
  )
  return fitting ?? manifests.find((one) => one.platform === undefined)
}

function descriptor(value: unknown, where: string): Descriptor {
  const item = record(value, where)
  const digest = text(item.digest)
  if (!/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new ManifestError(`${where}.digest is "${digest}", not sha256:<64 hex digits>`)
  const platform = item.platform === undefined ? undefined : record(item.platform, `${where}.platform`)
  return {
    mediaType: text(item.mediaType),
    digest,
    size: typeof item.size === 'number' ? item.size : 0,
    platform: platform && {
      architecture: text(platform.architecture),
      os: text(platform.os),
      variant: text(platform.variant) || undefined,
    },
    annotations: stringMap(item.annotations),
  }
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    throw new ManifestError(`${what} is not JSON`)
  }
}

function record(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ManifestError(`${where} is not an object`)
  return value as Readonly<Record<string, unknown>> // unsafe: every field is looked at by its type
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function stringMap(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
