/** Request bodies, bounded. */
import { requestEntityTooLarge } from '../../api/meta/status.ts'
import type { ByteSource } from '../../platform/network.ts'

/** Upstream's limit of a request body. */
const bodyBytesMax = 3 * 1024 * 1024

/** A body beyond the limit is still read and thrown away up to here, so that its client hears the 413. */
const drainBytesMax = 64 * 1024 * 1024

/** The whole body. @throws ApiError 413 beyond `bytesMax`; NetworkError when it was cut off */
export async function readBody(body: ByteSource, bytesMax = bodyBytesMax): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const chunk = await body.read()
    if (!chunk) break
    length += chunk.length
    if (length <= bytesMax) chunks.push(chunk)
    else chunks.length = 0
    if (length > drainBytesMax) body.cancel()
  }
  if (length > bytesMax) throw requestEntityTooLarge(bytesMax)
  const [first] = chunks
  if (chunks.length === 1 && first) return first
  return concatBytes(chunks)
}

/** One array of all chunks in order. */
export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const chunk of chunks) length += chunk.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}
