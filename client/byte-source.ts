/** Reading pulled byte streams under a signal and a size limit. */
import { type ByteSource, NetworkError } from '../platform/network.ts'

/**
 * The source's next chunk, or the signal's reason as soon as it aborts, even when the source stays
 * silent; the source is then cancelled.
 */
export function readUntil(source: ByteSource, signal: AbortSignal): Promise<Uint8Array | undefined> {
  if (signal.aborted) {
    source.cancel()
    return Promise.reject(signal.reason)
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      source.cancel()
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    source.read().then(
      (chunk) => {
        signal.removeEventListener('abort', onAbort)
        resolve(chunk)
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      },
    )
  })
}

/** All bytes of a source. @throws NetworkError EMSGSIZE beyond `sizeBytesMax` */
export async function readAll(
  source: ByteSource,
  options: { sizeBytesMax: number; signal: AbortSignal },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for (;;) {
    const chunk = await readUntil(source, options.signal)
    if (chunk === undefined) return concatenate(chunks, sizeBytes)
    sizeBytes += chunk.length
    if (sizeBytes > options.sizeBytesMax) {
      source.cancel()
      const message = `the answer is larger than ${options.sizeBytesMax} bytes; ask for pages`
      throw new NetworkError({ code: 'EMSGSIZE', message, maybeDelivered: true })
    }
    chunks.push(chunk)
  }
}

/** One array of all chunks. */
export function concatenate(chunks: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const [first] = chunks
  if (chunks.length === 1 && first) return first
  const bytes = new Uint8Array(sizeBytes)
  let position = 0
  for (const chunk of chunks) {
    bytes.set(chunk, position)
    position += chunk.length
  }
  return bytes
}
