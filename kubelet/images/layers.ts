/**
 * Unpacked layers. GNU tar does the unpacking (hard links, owners, capabilities, every compression);
 * deletions are then turned from the archive's `.wh.` files into what overlayfs understands: a 0/0
 * character device, and an attribute on directories whose lower content is hidden.
 *
 * Source: OCI image-spec layer.md "Whiteouts"; kernel Documentation/filesystems/overlayfs.rst.
 */
import { type Pack, pack } from 'tar-stream'
import type { Files } from '../../platform/files.ts'
import type { Processes } from '../../platform/processes.ts'

const unpackTimeoutMs = 600_000

/** Unpacks `archive` into `directory`, which must be empty. */
export async function unpackLayer(
  powers: { readonly processes: Processes; readonly files: Files },
  options: {
    readonly archive: string
    readonly directory: string
    readonly signal?: AbortSignal | undefined
  },
): Promise<void> {
  const { archive, directory, signal } = options
  await powers.processes.run({
    command: 'tar',
    args: [
      '--extract',
      '--file',
      archive,
      '--directory',
      directory,
      '--numeric-owner',
      '--same-owner',
      '--same-permissions',
      '--delay-directory-restore',
      '--xattrs',
      '--xattrs-include=security.capability',
    ],
    timeoutMs: unpackTimeoutMs,
    signal,
  })
  await convertWhiteouts(powers, directory)
}

const prefix = '.wh.'
const opaque = '.wh..wh..opq'

async function convertWhiteouts(
  powers: { processes: Processes; files: Files },
  directory: string,
): Promise<void> {
  const { stdout } = await powers.processes.run({
    command: 'find',
    args: [directory, '-name', `${prefix}*`, '-printf', '%P\\0'],
    timeoutMs: unpackTimeoutMs,
  })
  const found = stdout.split('\0').filter((path) => path !== '')
  if (found.length === 0) return
  const archive = pack()
  for (const path of found) {
    const slash = path.lastIndexOf('/')
    const parent = slash === -1 ? '' : path.slice(0, slash)
    const name = path.slice(slash + 1)
    powers.files.remove(`${directory}/${path}`)
    if (name === opaque) {
      const stat = powers.files.stat(`${directory}/${parent}`)
      archive.entry({
        name: `${parent || '.'}/`,
        type: 'directory',
        mode: stat?.mode ?? 0o755,
        uid: stat?.uid ?? 0,
        gid: stat?.gid ?? 0,
        pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y' },
      })
    } else {
      archive.entry({
        name: `${parent === '' ? '' : `${parent}/`}${name.slice(prefix.length)}`,
        type: 'character-device',
        devmajor: 0,
        devminor: 0,
        mode: 0,
      })
    }
  }
  archive.finalize()
  await powers.processes.run({
    command: 'tar',
    args: [
      '--extract',
      '--file',
      '-',
      '--directory',
      directory,
      '--numeric-owner',
      '--xattrs',
      '--xattrs-include=trusted.overlay.*',
    ],
    input: await packed(archive),
    timeoutMs: unpackTimeoutMs,
  })
}

/** One array of all bytes. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

/** The bytes of a finished archive. */
export async function packed(archive: Pack): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of archive) if (chunk instanceof Uint8Array) chunks.push(chunk)
  return joined(chunks)
}
