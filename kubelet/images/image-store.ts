/**
 * Images on disk, by content. Several kubelets may share one directory: everything is written under a
 * temporary name and renamed, names are one file each, and nothing is ever changed in place.
 *
 *     images/layers/<16 hex>    an unpacked layer, named by its archive's digest
 *            images/<64 hex>    what `Image` says, named by the configuration's digest
 *            names/<name>       the configuration's digest of a name
 *
 * Invariant: bytes are hashed before they are used; an entry in images/ has all its layers.
 */
import { messageOf } from '../../platform/assert.ts'
import type { Crypto } from '../../platform/crypto.ts'
import type { Files } from '../../platform/files.ts'
import type { Log } from '../../platform/log.ts'
import type { Processes } from '../../platform/processes.ts'
import { type Image, ImageError, type ImageService, type RegistryCredentials } from './image-service.ts'
import { unpackLayer } from './layers.ts'
import { parseConfigFile } from './manifest.ts'
import { formatReference, parseReference } from './reference.ts'
import type { Registry } from './registry.ts'

export interface ImageStoreOptions {
  readonly files: Files
  readonly processes: Processes
  readonly crypto: Crypto
  readonly log: Log
  /** The store's directory. */
  readonly directory: string
  readonly registry: Registry
}

interface StoredImage {
  readonly version: 1
  readonly id: string
  readonly sizeBytes: number
  readonly config: Image['config']
  readonly layers: readonly string[]
}

/** A layer's archive on disk, ready to be unpacked. */
export interface LayerArchive {
  readonly digest: string
  readonly path: string
  readonly sizeBytes: number
}

/** `sha256:<hex>` of bytes in memory. */
export function digestOf(crypto: Crypto, bytes: Uint8Array): string {
  return `sha256:${Array.from(crypto.digest(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

export class ImageStore implements ImageService {
  readonly #options: ImageStoreOptions
  readonly #files: Files
  readonly #pulls = new Map<string, Promise<Image>>()
  #sequence = 0

  /** Makes the directories and clears what a killed process left. */
  constructor(options: ImageStoreOptions) {
    this.#options = options
    this.#files = options.files
    for (const name of ['layers', 'images', 'names', 'tmp'])
      this.#files.makeDirectory(`${options.directory}/${name}`, { mode: 0o711 })
    this.#clearTemporaries()
  }

  async find(name: string): Promise<Image | undefined> {
    const path = this.#namePath(formatReference(parseReference(name)))
    return this.#files.exists(path) ? this.#image(this.#files.readText(path).trim()) : undefined
  }

  pull(
    name: string,
    options: { readonly credentials?: RegistryCredentials | undefined; readonly signal: AbortSignal },
  ): Promise<Image> {
    const running = this.#pulls.get(name)
    if (running !== undefined) return running
    const pulling = this.#pull(name, options).finally(() => this.#pulls.delete(name))
    this.#pulls.set(name, pulling)
    return pulling
  }

  async list(): Promise<readonly Image[]> {
    return this.#files
      .list(`${this.#options.directory}/images`)
      .map((hex) => this.#image(`sha256:${hex}`))
      .filter((image) => image !== undefined)
  }

  async remove(id: string): Promise<boolean> {
    const image = this.#image(id)
    if (image === undefined) return true
    if (image.layers.some((layer) => this.#isMounted(layer))) return false
    for (const name of [...image.names, ...image.digests]) this.#files.remove(this.#namePath(name))
    this.#files.remove(this.#imagePath(id))
    const used = new Set((await this.list()).flatMap((other) => other.layers))
    for (const layer of image.layers) if (!used.has(layer)) this.#files.remove(layer)
    return true
  }

  /** Whether a container of any node of this machine has the layer below its root. */
  #isMounted(layer: string): boolean {
    const mounts = '/proc/self/mountinfo'
    const name = layer.slice(layer.lastIndexOf('/') + 1)
    return (
      this.#files.exists(mounts) && new RegExp(`lowerdir=[^ ,]*${name}`).test(this.#files.readText(mounts))
    )
  }

  /** A path for something unfinished, on the same file system. */
  temporaryPath(): string {
    const path = () => `${this.#options.directory}/tmp/${this.#options.processes.pid}-${this.#sequence}`
    do this.#sequence += 1
    while (this.#files.exists(path()))
    return path()
  }

  /**
   * Takes an image in: checks and unpacks its layers, then gives it its names.
   * @throws ImageError when a digest does not fit
   */
  async add(options: {
    readonly config: Uint8Array
    readonly layers: readonly LayerArchive[]
    readonly names: readonly string[]
    readonly signal?: AbortSignal | undefined
  }): Promise<Image> {
    const { crypto } = this.#options
    const id = digestOf(crypto, options.config)
    const { config, diffIds } = parseConfigFile(options.config)
    if (diffIds.length !== options.layers.length) {
      throw new ImageError(
        'ErrImagePull',
        `image ${options.names.join(', ')} has ${options.layers.length} layers but its configuration names ${diffIds.length}: it is damaged, fetch it again`,
      )
    }
    const layers: string[] = []
    try {
      for (const layer of options.layers) layers.push(await this.#unpack(layer, options.signal))
    } finally {
      for (const layer of options.layers) if (layer.path !== '') this.#files.remove(layer.path)
    }
    const stored: StoredImage = {
      version: 1,
      id,
      sizeBytes: options.layers.reduce((sum, layer) => sum + layer.sizeBytes, options.config.length),
      config,
      layers: layers.map((path) => path.slice(path.lastIndexOf('/') + 1)),
    }
    this.#files.write(this.#imagePath(id), JSON.stringify(stored))
    for (const name of options.names) this.#files.write(this.#namePath(name), `${id}\n`)
    const image = this.#image(id)
    if (image === undefined)
      throw new ImageError(
        'ErrImagePull',
        `image ${id} vanished while it was added: is another process clearing ${this.#options.directory}?`,
      )
    return image
  }

  /** What a process that was killed left unfinished; its id is the name's first part. */
  #clearTemporaries(): void {
    const directory = `${this.#options.directory}/tmp`
    for (const name of this.#files.list(directory)) {
      const pid = Number(name.split('-')[0])
      if (this.#options.processes.find(pid) === undefined) this.#files.remove(`${directory}/${name}`)
    }
  }

  async #pull(
    name: string,
    options: { readonly credentials?: RegistryCredentials | undefined; readonly signal: AbortSignal },
  ): Promise<Image> {
    const reference = parseReference(name)
    try {
      const fetched = await this.#options.registry.fetch(reference, {
        ...options,
        hasLayer: (digest) => this.#files.exists(this.#layerPath(digest)),
        temporaryPath: () => this.temporaryPath(),
      })
      const names = new Set([
        formatReference(reference),
        `${reference.registry}/${reference.repository}@${fetched.manifestDigest}`,
      ])
      return await this.add({
        config: fetched.config,
        layers: fetched.layers,
        names: [...names],
        signal: options.signal,
      })
    } catch (error) {
      if (error instanceof ImageError || options.signal.aborted) throw error
      throw new ImageError(
        'ErrImagePull',
        `failed to pull and unpack image "${formatReference(reference)}": ${messageOf(error)}`,
        { cause: error },
      )
    }
  }

  /** Gives the directory of an unpacked layer, unpacking it when it is not there. */
  async #unpack(layer: LayerArchive, signal: AbortSignal | undefined): Promise<string> {
    const target = this.#layerPath(layer.digest)
    if (this.#files.exists(target)) return target
    await this.#verify(layer)
    const directory = this.temporaryPath()
    this.#files.makeDirectory(directory)
    try {
      await unpackLayer(this.#options, { archive: layer.path, directory, signal })
      if (!this.#files.exists(target)) this.#files.rename(directory, target)
    } finally {
      this.#files.remove(directory)
    }
    return target
  }

  async #verify(layer: LayerArchive): Promise<void> {
    const { stdout } = await this.#options.processes.run({
      command: 'sha256sum',
      args: ['--binary', layer.path],
      timeoutMs: 600_000,
    })
    const found = `sha256:${stdout.slice(0, 64)}`
    if (found !== layer.digest) {
      throw new ImageError(
        'ErrImagePull',
        `layer ${layer.digest} has the digest ${found}: it was damaged on its way or at its source, fetch it again`,
      )
    }
  }

  #image(id: string): Image | undefined {
    const path = this.#imagePath(id)
    if (!this.#files.exists(path)) return undefined
    const stored = JSON.parse(this.#files.readText(path)) as StoredImage // unsafe: only `add` writes the file
    const layers = stored.layers.map((name) => `${this.#options.directory}/layers/${name}`)
    if (!layers.every((layer) => this.#files.exists(layer))) return undefined
    const names = this.#namesOf(id)
    return {
      id,
      names: names.filter((name) => !name.includes('@')),
      digests: names.filter((name) => name.includes('@')),
      sizeBytes: stored.sizeBytes,
      config: stored.config,
      layers,
    }
  }

  #namesOf(id: string): readonly string[] {
    const directory = `${this.#options.directory}/names`
    return this.#files
      .list(directory)
      .filter((file) => !file.endsWith('.new') && this.#files.readText(`${directory}/${file}`).trim() === id)
      .map(decodeURIComponent)
  }

  #namePath(name: string): string {
    return `${this.#options.directory}/names/${encodeURIComponent(name)}`
  }

  #imagePath(id: string): string {
    return `${this.#options.directory}/images/${id.slice('sha256:'.length)}`
  }

  #layerPath(digest: string): string {
    return `${this.#options.directory}/layers/${digest.slice('sha256:'.length, 'sha256:'.length + 16)}`
  }
}
