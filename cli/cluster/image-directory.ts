/** A cluster's images: one store that all of its nodes share. */
import type { Powers } from '../../platform/powers.ts'
import { clusterPaths } from './cluster-file.ts'
import type { Shell } from '../shell.ts'

/** The machine's architecture as OCI names it. */
export function ociArchitecture(shell: Shell): string {
  const name = shell.platform.split(' ')[1] ?? 'x64'
  return name === 'x64' ? 'amd64' : name
}

/**
 * Makes `skedia.local/web:1` and `:2` where they are missing. Gives what stood in the way, fit for a note;
 * a cluster without them is a cluster all the same.
 */
export async function ensureFirstImages(
  powers: Powers,
  shell: Shell,
  dir: string,
): Promise<string | undefined> {
  const { images } = clusterPaths(dir)
  const marker = `${images}/.first-images`
  if (powers.files.exists(marker)) return undefined
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => powers.files.exists(path))
  if (busybox === undefined)
    return 'skedia.local/web:1 is not there, because busybox is missing (apt-get install busybox-static)'
  const { buildWebImages } = await import('../../kubelet/images/index.ts')
  await buildWebImages(powers, {
    directory: images,
    architecture: ociArchitecture(shell),
    busyboxPath: busybox,
  })
  powers.files.write(marker, 'skedia.local/web:1 skedia.local/web:2\n')
  return undefined
}
