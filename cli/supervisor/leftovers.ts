/**
 * What a supervisor that was killed left running. Its children end with it (their standard input closes),
 * but not at once, and a paused one not at all: whoever starts the cluster next ends them first, so that
 * two processes never use one data directory. Containers are not touched: the kubelet adopts them.
 */
import type { Clock } from '../../platform/clock.ts'
import { sleep } from '../../platform/clock.ts'
import type { Files } from '../../platform/files.ts'
import type { Processes } from '../../platform/processes.ts'

/** A child as `run/processes.json` remembers it. */
export interface RememberedChild {
  readonly name: string
  readonly pid: number
  readonly startTicks: number
}

const pollMs = 5
const waitMaxMs = 5_000

/** Writes down which processes run now. */
export function rememberChildren(
  powers: { readonly files: Files; readonly processes: Processes },
  path: string,
  children: readonly { readonly name: string; readonly pid: number }[],
): void {
  const remembered = children.flatMap(({ name, pid }) => {
    const found = powers.processes.find(pid)
    return found === undefined ? [] : [{ name, pid, startTicks: found.startTicks }]
  })
  powers.files.write(path, `${JSON.stringify(remembered)}\n`, { mode: 0o600 })
}

/** Ends what is left of an earlier run and waits until it is gone; gives the names of what was found alive. */
export async function endLeftovers(
  powers: { readonly files: Files; readonly processes: Processes; readonly clock: Clock },
  path: string,
): Promise<readonly string[]> {
  const isAlive = (child: RememberedChild) =>
    powers.processes.find(child.pid)?.startTicks === child.startTicks
  const alive = readRemembered(powers.files, path).filter(isAlive)
  for (const child of alive) powers.processes.kill(child.pid, 'SIGKILL')
  const deadlineMs = powers.clock.monotonicMs() + waitMaxMs
  while (alive.some(isAlive)) {
    if (powers.clock.monotonicMs() > deadlineMs) {
      throw new Error(
        `${alive
          .filter(isAlive)
          .map((child) => `${child.name} (pid ${child.pid})`)
          .join(', ')} did not end after SIGKILL`,
      )
    }
    await sleep(powers.clock, pollMs)
  }
  return alive.map((child) => child.name)
}

function readRemembered(files: Files, path: string): readonly RememberedChild[] {
  if (!files.exists(path)) return []
  try {
    const parsed: unknown = JSON.parse(files.readText(path))
    return Array.isArray(parsed) ? parsed.filter(isRemembered) : []
  } catch {
    return [] // torn by a crash: the children's own locks still protect their data
  }
}

function isRemembered(value: unknown): value is RememberedChild {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'startTicks' in value &&
    typeof value.startTicks === 'number'
  )
}
