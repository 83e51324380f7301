/**
 * Container logs from CRI's format to what `kubectl logs` shows.
 *
 * A record is `<RFC 3339 time> <stdout|stderr> <F|P> <text>`; P is a part of a line, the rest follows.
 * Source: CRI log format (KEP cri-log-format); kubelet `kuberuntime/logs`.
 */
import { parseTime } from '../../platform/clock.ts'
import type { ByteSource } from '../../platform/network.ts'
import type { OciRuntime } from '../runtime/oci-runtime.ts'

export interface LogOptions {
  readonly isFollowed: boolean
  readonly hasTimestamps: boolean
  readonly tailLines: number | undefined
  readonly limitBytes: number | undefined
  /** Wall clock milliseconds; older records are left out. */
  readonly sinceMs: number | undefined
}

const readBytesMax = 256 * 1024

/** Splits bytes into whole records; gives how many bytes they took. */
export function splitRecords(bytes: Uint8Array): {
  readonly records: readonly string[]
  readonly lengthBytes: number
} {
  const end = bytes.lastIndexOf(0x0a)
  if (end === -1) return { records: [], lengthBytes: 0 }
  const text = new TextDecoder().decode(bytes.subarray(0, end))
  return { records: text.split('\n'), lengthBytes: end + 1 }
}

/** What one record becomes; undefined when it is left out. `isStart`: the record begins a line. */
export function formatRecord(
  record: string,
  options: { hasTimestamps: boolean; sinceMs: number | undefined; isStart: boolean },
): string | undefined {
  const [time = '', stream, tag] = record.split(' ', 3)
  if (stream === undefined || tag === undefined) return undefined
  if (options.sinceMs !== undefined && (parseTime(time) ?? 0) < options.sinceMs) return undefined
  const text = record.slice(time.length + stream.length + tag.length + 3)
  const head = options.hasTimestamps && options.isStart ? `${time} ` : ''
  return `${head}${text}${tag.startsWith('P') ? '' : '\n'}`
}

/** Where the last `lines` records begin, found from the end backwards. */
export function tailPosition(read: (position: number, length: number) => Uint8Array, lines: number): number {
  let sizeBytes = 0
  const starts: number[] = []
  for (;;) {
    const chunk = read(sizeBytes, readBytesMax)
    if (chunk.length === 0) break
    for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) {
      starts.push(sizeBytes + at + 1)
      if (starts.length > lines + 1) starts.shift()
    }
    sizeBytes += chunk.length
  }
  if (lines === 0) return sizeBytes
  return starts.length <= lines ? 0 : (starts[0] ?? 0)
}

/** The log of a container as a stream; followed, it ends when the container has ended. */
export class LogSource implements ByteSource {
  readonly #runtime: OciRuntime
  readonly #id: string
  readonly #options: LogOptions
  #position: number
  #leftBytes: number
  #isStart = true
  #isCancelled = false
  #watch: { close(): void } | undefined
  #wake: (() => void) | undefined
  #hasChanged = false

  /** Finds the place to begin; watches when followed. */
  constructor(runtime: OciRuntime, id: string, options: LogOptions) {
    this.#runtime = runtime
    this.#id = id
    this.#options = options
    this.#leftBytes = options.limitBytes ?? Number.POSITIVE_INFINITY
    this.#position =
      options.tailLines === undefined
        ? 0
        : tailPosition((position, length) => runtime.readLog(id, position, length), options.tailLines)
    if (options.isFollowed) this.#watch = runtime.watchLog(id, () => this.#onChange())
  }

  async read(): Promise<Uint8Array | undefined> {
    while (!this.#isCancelled && this.#leftBytes > 0) {
      this.#hasChanged = false
      // Asked before reading: what was written before the end is then read for sure.
      const record = await this.#runtime.state(this.#id)
      const isOver = record === undefined || record.state === 'exited'
      const { chunk, hasRead } = this.#take()
      if (chunk.length > 0) return chunk
      if (hasRead) continue
      if (!this.#options.isFollowed || isOver) break
      if (!this.#hasChanged) await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    this.cancel()
    return undefined
  }

  cancel(): void {
    this.#isCancelled = true
    this.#watch?.close()
    this.#watch = undefined
    this.#onChange()
  }

  #onChange(): void {
    this.#hasChanged = true
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** The log was rotated: the old file's watch says nothing about the new one. */
  #beginAnew(): void {
    this.#position = 0
    if (this.#watch === undefined) return
    this.#watch.close()
    this.#watch = this.#runtime.watchLog(this.#id, () => this.#onChange())
  }

  #take(): { readonly chunk: Uint8Array; readonly hasRead: boolean } {
    if (this.#runtime.logLength(this.#id) < this.#position) this.#beginAnew()
    const bytes = this.#runtime.readLog(this.#id, this.#position, readBytesMax)
    const { records, lengthBytes } = splitRecords(bytes)
    this.#position += lengthBytes
    let text = ''
    for (const record of records) {
      text += formatRecord(record, { ...this.#options, isStart: this.#isStart }) ?? ''
      this.#isStart = record.split(' ', 3)[2]?.startsWith('P') !== true
    }
    const chunk = new TextEncoder()
      .encode(text)
      .subarray(0, Math.min(this.#leftBytes, Number.MAX_SAFE_INTEGER))
    this.#leftBytes -= chunk.length
    return { chunk, hasRead: lengthBytes > 0 }
  }
}
