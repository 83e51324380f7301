/** Images for the cli: opening a node's store, loading archives, making the first images. */
import type { Powers } from '../../platform/powers.ts'
import { loadArchive, type LoadOptions } from './archive.ts'
import { writeLayout } from './image-build.ts'
import type { Image } from './image-service.ts'
import { ImageStore } from './image-store.ts'
import { createRegistry, type RegistryOptions } from './registry.ts'
import { webImageNames, webImages } from './web-image.ts'

export { type Image, ImageError, type ImageService } from './image-service.ts'
export { webImageNames } from './web-image.ts'

export type ImagePowers = Pick<Powers, 'clock' | 'crypto' | 'files' | 'log' | 'network' | 'processes'>

export interface ImageStoreConfig {
  /** May be shared by the nodes of a machine. */
  readonly directory: string
  /** `amd64`, `arm64` */
  readonly architecture: string
  readonly registryMirrors?: RegistryOptions['mirrors'] | undefined
  /** PEM; default: the machine's. */
  readonly certificateAuthority?: string | undefined
}

/** Opens (and makes) an image store. */
export function openImageStore(powers: ImagePowers, config: ImageStoreConfig): ImageStore {
  const { clock, crypto, files, log, network, processes } = powers
  const registry = createRegistry({
    clock,
    crypto,
    files,
    network,
    architecture: config.architecture,
    mirrors: config.registryMirrors ?? {},
    certificateAuthority: config.certificateAuthority,
  })
  return new ImageStore({ files, processes, crypto, log, directory: config.directory, registry })
}

/** `skedia image load`: an OCI layout or a docker archive. @throws ImageError */
export async function loadImages(
  powers: ImagePowers,
  config: ImageStoreConfig,
  options: Omit<LoadOptions, 'architecture'>,
): Promise<readonly Image[]> {
  return await loadArchive(powers, openImageStore(powers, config), {
    ...options,
    architecture: config.architecture,
  })
}

/**
 * Makes `skedia.local/web:1` and `:2` in the store from a static busybox. Quick when they are there.
 * @throws FilesError when there is no busybox at `busyboxPath` (default /bin/busybox)
 */
export async function buildWebImages(
  powers: ImagePowers,
  config: ImageStoreConfig & { readonly busyboxPath?: string | undefined },
): Promise<readonly Image[]> {
  const store = openImageStore(powers, config)
  const found = await Promise.all(webImageNames.map((name) => store.find(name)))
  const present = found.filter((image) => image !== undefined)
  if (present.length === webImageNames.length) return present
  const busybox = powers.files.readBytes(config.busyboxPath ?? '/bin/busybox')
  const layout = store.temporaryPath()
  try {
    await writeLayout(powers, layout, webImages(busybox, config.architecture))
    return await loadArchive(powers, store, { path: layout, architecture: config.architecture })
  } finally {
    powers.files.remove(layout)
  }
}
