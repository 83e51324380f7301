/**
 * Makes room when the disk fills up: above 85 % images that were pulled and that no container here has are
 * removed, the largest first, until 80 % are not exceeded. What came without a registry is never removed, for
 * nobody could bring it back.
 * Source: kubelet `images/image_gc_manager.go`.
 */
import { messageOf } from '../../platform/assert.ts'
import { type Clock, sleep } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { MachineUsage, NodeHost } from '../node-host.ts'
import type { Image } from './image-service.ts'

const highShare = 0.85
const lowShare = 0.8
const periodMs = 300_000

/** Looks every five minutes until `signal` aborts. */
export async function cleanImages(
  powers: { readonly clock: Clock; readonly log: Log },
  host: NodeHost,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(powers.clock, periodMs, signal)
    try {
      await cleanOnce(powers.log, host)
    } catch (error) {
      powers.log.warn('images could not be cleaned up; it is tried again in five minutes', {
        error: messageOf(error),
      })
    }
  }
}

/** Which images may go, in the order in which they should. Pure. */
export function removable(images: readonly Image[], usedIds: ReadonlySet<string>): readonly Image[] {
  return images
    .filter((image) => image.digests.length > 0 && !usedIds.has(image.id))
    .sort((a, b) => b.sizeBytes - a.sizeBytes)
}

export async function cleanOnce(
  log: Log,
  host: Pick<NodeHost, 'images' | 'runtime' | 'usage'>,
): Promise<void> {
  if (shareUsed(await host.usage()) < highShare) return
  const usedIds = new Set((await host.runtime.list()).map((record) => record.imageId))
  for (const image of removable(await host.images.list(), usedIds)) {
    if (await host.images.remove(image.id))
      log.info('removed an image to make room', { image: image.names[0] ?? image.id })
    if (shareUsed(await host.usage()) < lowShare) return
  }
}

function shareUsed({ diskAvailableBytes, diskCapacityBytes }: MachineUsage): number {
  return diskCapacityBytes === 0 ? 0 : 1 - diskAvailableBytes / diskCapacityBytes
}
