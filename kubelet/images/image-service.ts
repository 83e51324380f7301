/**
 * Images, as the kubelet sees them: a name becomes unpacked layers and a configuration.
 * Bodies: `images/image-store` over OCI registries and archives; the fake host's, which has every image.
 */

/** What of an image's configuration a container starts from (OCI image-spec, config.md). */
export interface ImageConfig {
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  /** `NAME=value` */
  readonly environment: readonly string[]
  readonly user: string
  readonly workingDirectory: string
  readonly stopSignal: string | undefined
}

export interface Image {
  /** `sha256:…` of the configuration. */
  readonly id: string
  /** Full names, `registry/repository:tag`. */
  readonly names: readonly string[]
  /** `registry/repository@sha256:…` of the manifests by which it was pulled. */
  readonly digests: readonly string[]
  readonly sizeBytes: number
  readonly config: ImageConfig
  /** Directories of unpacked layers, lowest first. */
  readonly layers: readonly string[]
}

/** Why an image could not be had; `reason` is the container's waiting reason. */
export class ImageError extends Error {
  readonly reason: 'ErrImagePull' | 'InvalidImageName' | 'ErrImageNeverPull' | 'RegistryUnavailable'
  constructor(reason: ImageError['reason'], message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ImageError'
    this.reason = reason
  }
}

export interface RegistryCredentials {
  readonly username: string
  readonly password: string
}

export interface ImageService {
  /** The image of that name, when it is here and whole. @throws ImageError InvalidImageName */
  find(name: string): Promise<Image | undefined>
  /** @throws ImageError */
  pull(
    name: string,
    options: { readonly credentials?: RegistryCredentials | undefined; readonly signal: AbortSignal },
  ): Promise<Image>
  list(): Promise<readonly Image[]>
  /** False when a running container still needs it; it stays then. */
  remove(id: string): Promise<boolean>
}
