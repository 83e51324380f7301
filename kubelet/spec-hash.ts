/** Tells whether a running container must be replaced because its spec changed. Pure. */
import type { Container } from '../api/types.ts'

/**
 * Only the image may change in a running pod without leave (resources are resized in place), so only
 * the image counts.
 */
export function containerSpecHash(container: Container): string {
  return `image=${container.image ?? ''}`
}
