/**
 * Makes an image from files in memory: one layer, an OCI layout on disk. The same input gives the same
 * digests on every machine.
 * Source: OCI image-spec layer.md, image-layout.md.
 */
import { pack } from 'tar-stream'
import type { Crypto } from '../../platform/crypto.ts'
import type { Files } from '../../platform/files.ts'
import { digestOf } from './image-store.ts'
import { packed } from './layers.ts'
import { mediaTypes } from './manifest.ts'

export type RootfsEntry =
  | {
      readonly type: 'file'
      readonly path: string
      readonly content: Uint8Array | string
      readonly mode: number
    }
  | { readonly type: 'directory'; readonly path: string; readonly mode: number }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string }

export interface ImageDescription {
  /** `skedia.local/web:1` */
  readonly name: string
  readonly architecture: string
  readonly entries: readonly RootfsEntry[]
  readonly config: Readonly<Record<string, unknown>>
}

/** Writes an OCI layout of the images to `directory`, layers shared. */
export async function writeLayout(
  powers: { readonly files: Files; readonly crypto: Crypto },
  directory: string,
  images: readonly ImageDescription[],
): Promise<void> {
  const { files, crypto } = powers
  files.makeDirectory(`${directory}/blobs/sha256`)
  const put = (mediaType: string, bytes: Uint8Array) => {
    const digest = digestOf(crypto, bytes)
    files.write(`${directory}/blobs/${digest.replace(':', '/')}`, bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
  const manifests: unknown[] = []
  for (const image of images) {
    const layer = put(mediaTypes.ociLayer, await layerOf(image.entries))
    const config = put(
      mediaTypes.ociConfig,
      json({
        created: '2026-01-01T00:00:00Z',
        architecture: image.architecture,
        os: 'linux',
        config: image.config,
        rootfs: { type: 'layers', diff_ids: [layer.digest] },
        history: [{ created: '2026-01-01T00:00:00Z', created_by: 'skedia' }],
      }),
    )
    const manifest = put(
      mediaTypes.ociManifest,
      json({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] }),
    )
    const annotations = { 'org.opencontainers.image.ref.name': image.name }
    manifests.push({ ...manifest, platform: { architecture: image.architecture, os: 'linux' }, annotations })
  }
  files.write(
    `${directory}/index.json`,
    json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
  )
  files.write(`${directory}/oci-layout`, json({ imageLayoutVersion: '1.0.0' }))
}

/** An uncompressed layer; times are 0 so that its digest depends on its content only. */
export async function layerOf(entries: readonly RootfsEntry[]): Promise<Uint8Array> {
  const archive = pack()
  const mtime = new Date(0)
  for (const entry of entries) {
    const header = { name: entry.path.replace(/^\//, ''), mtime, uid: 0, gid: 0, uname: '', gname: '' }
    if (entry.type === 'directory')
      archive.entry({ ...header, name: `${header.name}/`, type: 'directory', mode: entry.mode })
    else if (entry.type === 'symlink')
      archive.entry({ ...header, type: 'symlink', linkname: entry.target, mode: 0o777 })
    else {
      const content =
        typeof entry.content === 'string' ? new TextEncoder().encode(entry.content) : entry.content
      archive.entry({ ...header, type: 'file', mode: entry.mode }, Buffer.from(content))
    }
  }
  archive.finalize()
  return await packed(archive)
}
