/** Memory of processes as the kernel counts it (`/proc/<pid>/smaps_rollup`, see proc(5)). */
import { readFileSync } from 'node:fs'

export interface Memory {
  /** Pages shared with others count by their share: these sums are honest. */
  readonly pssMb: number
  readonly rssMb: number
}

/** Of one process. @throws when it has ended */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const megabytes = (field: string) =>
    Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024
  return { pssMb: megabytes('Pss'), rssMb: megabytes('Rss') }
}
