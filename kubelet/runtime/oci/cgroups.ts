/**
 * Control groups, versions 1 and 2, as far as the runtime does not do it: whether the kernel killed for
 * memory, present use, and taking away what is empty.
 */
import { readdirSync, rmdirSync } from 'node:fs'
import type { Files } from '../../../platform/files.ts'

const mountPoint = '/sys/fs/cgroup'

export interface Cgroups {
  readonly version: 1 | 2
  /** How often the kernel killed a process of the group for want of memory. */
  oomKills(path: string): number
  usage(path: string): { readonly memoryBytes: number; readonly cpuNanoseconds: number } | undefined
  /** Removes the group and all below it where they hold no process. Idempotent. */
  remove(path: string): void
}

/** Finds out which version is mounted. */
export function openCgroups(files: Files): Cgroups {
  const isV2 = files.exists(`${mountPoint}/cgroup.controllers`)
  const read = (controller: string, path: string, name: string): string | undefined => {
    const file = isV2 ? `${mountPoint}${path}/${name}` : `${mountPoint}/${controller}${path}/${name}`
    return files.exists(file) ? files.readText(file) : undefined
  }
  return {
    version: isV2 ? 2 : 1,
    oomKills: (path) =>
      field(read('memory', path, isV2 ? 'memory.events' : 'memory.oom_control'), 'oom_kill') ?? 0,
    usage: (path) => {
      const memory = read('memory', path, isV2 ? 'memory.current' : 'memory.usage_in_bytes')
      if (memory === undefined) return undefined
      const cpu = isV2
        ? (field(read('', path, 'cpu.stat'), 'usage_usec') ?? 0) * 1000
        : Number(read('cpuacct', path, 'cpuacct.usage') ?? 0)
      return { memoryBytes: Number(memory), cpuNanoseconds: cpu }
    },
    remove: (path) => {
      const roots = isV2 ? [mountPoint] : controllers().map((name) => `${mountPoint}/${name}`)
      for (const root of roots) removeTree(`${root}${path}`)
    },
  }
}

function controllers(): readonly string[] {
  return readdirSync(mountPoint, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
}

/** Directories only: a cgroup's files cannot be removed and vanish with it. A busy group stays. */
function removeTree(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(`${directory}/${entry.name}`)
    }
    rmdirSync(directory)
  } catch {
    // Gone already, or busy with a process that is just ending: whoever cleans next takes it.
  }
}

function field(text: string | undefined, name: string): number | undefined {
  const line = text?.split('\n').find((one) => one.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.slice(name.length + 1))
}
