/**
 * Taking images in without a registry: an OCI layout (a directory, or a tar of one) or what `docker save`
 * writes.
 * Source: OCI image-spec image-layout.md; Docker image spec v1.2 "Combined Image JSON + Filesystem Changeset".
 */
import type { Crypto } from '../../platform/crypto.ts'
import type { Files } from '../../platform/files.ts'
import type { Processes } from '../../platform/processes.ts'
import { type Image, ImageError } from './image-service.ts'
import { digestOf, type ImageStore, type LayerArchive } from './image-store.ts'
import { type Descriptor, parseConfigFile, parseManifest, pickPlatform } from './manifest.ts'
import { formatReference, parseReference } from './reference.ts'

export interface LoadOptions {
  /** A directory or a tar file, compressed or not. */
  readonly path: string
  /** The name to give, when the archive has none or another is wanted. */
  readonly name?: string | undefined
  readonly architecture: string
}

export interface LoadPowers {
  readonly files: Files
  readonly processes: Processes
  readonly crypto: Crypto
}

/** Loads every image of an archive into the store. @throws ImageError with what was found */
export async function loadArchive(
  powers: LoadPowers,
  store: ImageStore,
  options: LoadOptions,
): Promise<readonly Image[]> {
  const { files } = powers
  if (!files.exists(options.path))
    throw new ImageError('ErrImagePull', `cannot load ${options.path}: there is no such file`)
  const directory = store.temporaryPath()
  files.makeDirectory(directory)
  try {
    const source = await open(powers, options.path, directory)
    if (files.exists(`${source}/index.json`))
      return await loadLayout(powers, store, source, directory, options)
    if (files.exists(`${source}/manifest.json`))
      return await loadDocker(powers, store, source, directory, options)
  } finally {
    files.remove(directory)
  }
  throw new ImageError(
    'ErrImagePull',
    `cannot load ${options.path}: it holds neither index.json (OCI layout) nor manifest.json (docker save)`,
  )
}

async function open(powers: LoadPowers, path: string, directory: string): Promise<string> {
  const { stdout } = await powers.processes.run({
    command: 'stat',
    args: ['-L', '-c', '%F', path],
    timeoutMs: 10_000,
  })
  if (stdout.trim() === 'directory') return path
  const target = `${directory}/archive`
  powers.files.makeDirectory(target)
  const result = await powers.processes.run({
    command: 'tar',
    args: ['--extract', '--file', path, '--directory', target, '--no-same-owner', '--no-same-permissions'],
    timeoutMs: 600_000,
    allowFailure: true,
  })
  if (result.code !== 0)
    throw new ImageError(
      'ErrImagePull',
      `cannot load ${path}: it is not a tar archive (${result.stderr.trim().split('\n')[0] ?? ''})`,
    )
  return target
}

type Loading = readonly [LoadPowers, ImageStore, string, string, LoadOptions]

async function loadLayout(
  ...[powers, store, source, directory, options]: Loading
): Promise<readonly Image[]> {
  const index = parseManifest(powers.files.readBytes(`${source}/index.json`))
  if (index.kind !== 'index')
    throw new ImageError('ErrImagePull', `cannot load ${options.path}: index.json is no image index`)
  const images: Image[] = []
  for (const entry of index.manifests) {
    const manifest = imageManifest(powers, source, entry, options)
    const name =
      options.name ??
      entry.annotations['io.containerd.image.name'] ??
      entry.annotations['org.opencontainers.image.ref.name']
    if (name === undefined || name === '') {
      throw new ImageError(
        'ErrImagePull',
        `cannot load ${options.path}: the image ${entry.digest} has no name there; give one with --name`,
      )
    }
    const config = blob(powers, source, manifest.config.digest)
    const layers: LayerArchive[] = []
    for (const { digest } of manifest.layers) {
      layers.push(await copied(powers, store, { digest, path: blobPath(source, digest) }, directory))
    }
    images.push(await store.add({ config, layers, names: [formatReference(parseReference(name))] }))
  }
  return images
}

function imageManifest(powers: LoadPowers, source: string, entry: Descriptor, options: LoadOptions) {
  let manifest = parseManifest(blob(powers, source, entry.digest))
  if (manifest.kind === 'index') {
    const fitting = pickPlatform(manifest.manifests, options.architecture)
    if (fitting === undefined)
      throw new ImageError(
        'ErrImagePull',
        `cannot load ${options.path}: it has nothing for linux/${options.architecture}`,
      )
    manifest = parseManifest(blob(powers, source, fitting.digest))
  }
  if (manifest.kind === 'index')
    throw new ImageError('ErrImagePull', `cannot load ${options.path}: an image index inside an image index`)
  return manifest
}

async function loadDocker(
  ...[powers, store, source, directory, options]: Loading
): Promise<readonly Image[]> {
  const list: unknown = JSON.parse(powers.files.readText(`${source}/manifest.json`))
  const entries = (Array.isArray(list) ? list : []) as readonly {
    Config?: string
    RepoTags?: readonly string[] | null
    Layers?: readonly string[]
  }[] // unsafe: each field is looked at before use
  const images: Image[] = []
  for (const entry of entries) {
    const names = options.name === undefined ? (entry.RepoTags ?? []) : [options.name]
    if (names.length === 0)
      throw new ImageError(
        'ErrImagePull',
        `cannot load ${options.path}: an image in it has no name; give one with --name`,
      )
    const config = powers.files.readBytes(inside(source, entry.Config ?? ''))
    const { diffIds } = parseConfigFile(config)
    const layers: LayerArchive[] = []
    for (const [index, path] of (entry.Layers ?? []).entries()) {
      const archive = inside(source, path)
      const digest = await archiveDigest(powers, archive)
      if (digest !== diffIds[index] && powers.files.stat(archive) === undefined)
        throw new ImageError('ErrImagePull', `cannot load ${options.path}: layer ${path} is missing`)
      layers.push(await copied(powers, store, { digest, path: archive }, directory))
    }
    images.push(
      await store.add({ config, layers, names: names.map((name) => formatReference(parseReference(name))) }),
    )
  }
  return images
}

async function archiveDigest(powers: LoadPowers, path: string): Promise<string> {
  const { stdout } = await powers.processes.run({
    command: 'sha256sum',
    args: ['--binary', path],
    timeoutMs: 600_000,
  })
  return `sha256:${stdout.slice(0, 64)}`
}

/** A path inside the archive; one that points out of it is refused. */
function inside(source: string, path: string): string {
  if (path.startsWith('/') || path.split('/').includes('..'))
    throw new ImageError('ErrImagePull', `the archive names ${path}, which is outside of it`)
  return `${source}/${path}`
}

/** The store takes the archive away once it is unpacked; what is not ours is copied first. */
async function copied(
  powers: LoadPowers,
  store: ImageStore,
  layer: { digest: string; path: string },
  directory: string,
): Promise<LayerArchive> {
  const stat = powers.files.stat(layer.path)
  if (stat === undefined) throw new ImageError('ErrImagePull', `the archive lacks the layer ${layer.digest}`)
  if (layer.path.startsWith(directory)) return { ...layer, sizeBytes: stat.sizeBytes }
  const path = store.temporaryPath()
  await powers.processes.run({ command: 'cp', args: ['--', layer.path, path], timeoutMs: 600_000 })
  return { digest: layer.digest, path, sizeBytes: stat.sizeBytes }
}

function blobPath(source: string, digest: string): string {
  return `${source}/blobs/${digest.replace(':', '/')}`
}

function blob(powers: LoadPowers, source: string, digest: string): Uint8Array {
  const path = blobPath(source, digest)
  if (!powers.files.exists(path))
    throw new ImageError('ErrImagePull', `the OCI layout lacks the blob ${digest}`)
  const bytes = powers.files.readBytes(path)
  const found = digestOf(powers.crypto, bytes)
  if (found !== digest)
    throw new ImageError('ErrImagePull', `the blob ${digest} has the digest ${found}: the layout is damaged`)
  return bytes
}
