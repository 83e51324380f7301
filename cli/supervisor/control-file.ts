/**
 * `run/supervisor.json`: where the running supervisor listens and the token that its port asks for. Only
 * the user who started the cluster can read it. A file whose process is gone says nothing.
 */
import type { Files } from '../../platform/files.ts'
import type { Processes } from '../../platform/processes.ts'

export interface ControlFile {
  readonly pid: number
  /** When the process started, to tell it from a later one with the same id. */
  readonly startTicks: number
  readonly port: number
  readonly token: string
}

/** Writes the file, readable by its owner only. */
export function writeControlFile(files: Files, path: string, control: ControlFile): void {
  files.write(path, `${JSON.stringify(control)}\n`, { mode: 0o600 })
}

/** The supervisor that runs now; undefined when there is none. */
export function readControlFile(
  powers: { readonly files: Files; readonly processes: Processes },
  path: string,
): ControlFile | undefined {
  if (!powers.files.exists(path)) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(powers.files.readText(path))
  } catch {
    return undefined // being written, or torn by a crash
  }
  if (!isControlFile(parsed)) return undefined
  return powers.processes.find(parsed.pid)?.startTicks === parsed.startTicks ? parsed : undefined
}

function isControlFile(value: unknown): value is ControlFile {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'startTicks' in value &&
    typeof value.startTicks === 'number' &&
    'port' in value &&
    typeof value.port === 'number' &&
    'token' in value &&
    typeof value.token === 'string'
  )
}
