/** Reads the kernel's process table (`/proc`, see proc(5)). */
import { readFileSync } from 'node:fs'

/** When the process started, in clock ticks since boot (field 22 of `stat`); undefined when there is none or it is a zombie. */
export function processStartTicks(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command may hold spaces and parentheses: fields are counted after the last ')'.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : Number(fields[19])
  } catch {
    return undefined // no such process
  }
}
