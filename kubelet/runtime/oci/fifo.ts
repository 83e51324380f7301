/** Writing to a container's standard input without ever blocking this process. */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { type Clock, sleep } from '../../../platform/clock.ts'
import { RuntimeError } from '../oci-runtime.ts'

const retryMs = 20
const timeoutMs = 30_000

/** Resolves when the pipe has taken the bytes. @throws RuntimeError when nobody reads for 30 s */
export async function writeFifo(clock: Clock, path: string, bytes: Uint8Array): Promise<void> {
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  try {
    const startedMs = clock.monotonicMs()
    let rest = bytes
    while (rest.length > 0) {
      const written = tryWrite(fd, rest)
      rest = rest.subarray(written)
      if (rest.length === 0) break
      if (clock.monotonicMs() - startedMs > timeoutMs)
        throw new RuntimeError(
          'E_RUNTIME_EXEC',
          `the container has not read its standard input for ${timeoutMs / 1000} s`,
        )
      if (written === 0) await sleep(clock, retryMs)
    }
  } finally {
    closeSync(fd)
  }
}

function tryWrite(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0
    throw error
  }
}
