/** The logs of a cluster's processes: one JSON line per event in `logs/<process>.log`. */
import type { Files } from '../../platform/files.ts'

/** At each start a log larger than this becomes `<name>.log.1`, in place of the one before it. */
export const logBytesMax = 16 * 1024 * 1024

/** Moves logs that have grown too large out of the way. */
export function trimLogs(files: Files, directory: string): void {
  for (const name of files.list(directory)) {
    const path = `${directory}/${name}`
    if (name.endsWith('.log') && (files.stat(path)?.sizeBytes ?? 0) > logBytesMax)
      files.rename(path, `${path}.1`)
  }
}

/** The last lines of a log, newest last; empty when there is none. */
export function lastLines(files: Files, path: string, count: number): readonly string[] {
  const stat = files.stat(path)
  if (stat === undefined || stat.sizeBytes === 0) return []
  const length = Math.min(stat.sizeBytes, 64 * 1024)
  const bytes = files.readBytes(path, { position: stat.sizeBytes - length, length })
  const lines = new TextDecoder()
    .decode(bytes)
    .split('\n')
    .filter((line) => line !== '')
  return lines.slice(-count)
}

/**
 * Why a process ended or does not serve, by the last error in its log; where it reports none, by the last thing that
 * it says went wrong. Undefined when it says nothing.
 */
export function lastError(files: Files, path: string): string | undefined {
  const lines = lastLines(files, path, 20).flatMap((line) => parseLogLine(line) ?? [])
  const last =
    lines.findLast((line) => line.level === 'error') ??
    lines.findLast((line) => line.error !== undefined || typeof line.fields['problem'] === 'string')
  const found = last?.fields['found'] ?? last?.fields['problem']
  return typeof found === 'string' ? found : (last?.error ?? last?.msg)
}

/** What a log line says, for people. A line that is no JSON is shown as it is. */
export function renderLogLine(line: string): string {
  const parsed = parseLogLine(line)
  if (parsed === undefined) return line
  const { time, level, msg, error, fields } = parsed
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const clock = time.slice(11, 23)
  return [clock, level.padEnd(5), msg, ...rest, ...(error === undefined ? [] : [`error=${error}`])].join(' ')
}

export interface LogLine {
  /** RFC 3339. */
  readonly time: string
  readonly level: string
  readonly msg: string
  readonly error: string | undefined
  readonly fields: Readonly<Record<string, unknown>>
}

/** The parts of a line of ours; undefined for any other text. */
export function parseLogLine(line: string): LogLine | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null || !('msg' in parsed)) return undefined
  const {
    time,
    level,
    msg,
    error,
    component: _component,
    pid: _pid,
    ...fields
  } = Object.fromEntries(Object.entries(parsed))
  return {
    time: typeof time === 'string' ? time : '',
    level: typeof level === 'string' ? level : '',
    msg: String(msg),
    error: errorText(error),
    fields,
  }
}

function errorText(error: unknown): string | undefined {
  if (error === undefined || typeof error === 'string') return error
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message)
  return JSON.stringify(error)
}
