/**
 * Cron schedules as CronJobs take them: five fields, `@hourly` and its like, `@every 5m`.
 *
 * Pure: the next time is computed for an instant and an offset from UTC that the caller gives.
 * Source: github.com/robfig/cron/v3 (ParseStandard).
 */

/** A text that is no schedule. */
export class CronError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CronError'
  }
}

export type CronSchedule =
  | { readonly kind: 'every'; readonly periodMs: number }
  | {
      readonly kind: 'fields'
      readonly minutes: ReadonlySet<number>
      readonly hours: ReadonlySet<number>
      readonly days: ReadonlySet<number>
      readonly months: ReadonlySet<number>
      readonly weekdays: ReadonlySet<number>
      /** `*` or `?` in the field: the other of the two decides alone. */
      readonly anyDay: boolean
      readonly anyWeekday: boolean
    }

interface FieldRange {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly words?: readonly string[]
}

const monthWords = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdayWords = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const minuteRange: FieldRange = { name: 'minute', min: 0, max: 59 }
const hourRange: FieldRange = { name: 'hour', min: 0, max: 23 }
const dayRange: FieldRange = { name: 'day', min: 1, max: 31 }
const monthRange: FieldRange = { name: 'month', min: 1, max: 12, words: monthWords }
const weekdayRange: FieldRange = { name: 'weekday', min: 0, max: 6, words: weekdayWords }

const shortcuts: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}
const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

function parseNumber(text: string, range: FieldRange): number {
  const word = range.words?.indexOf(text.toLowerCase()) ?? -1
  if (word >= 0) return word + range.min
  if (!/^\d+$/.test(text)) throw new CronError(`failed to parse ${range.name} from ${JSON.stringify(text)}`)
  return Number(text)
}

function parsePart(part: string, range: FieldRange): number[] {
  const [span = '', stepText, extra] = part.split('/')
  if (extra !== undefined) throw new CronError(`too many slashes: ${part}`)
  const [low = '', high] = span.split('-')
  const isAny = low === '*' || low === '?'
  const start = isAny ? range.min : parseNumber(low, range)
  const single = stepText === undefined && !isAny ? start : range.max
  const end = high === undefined ? single : parseNumber(high, range)
  const step = stepText === undefined ? 1 : parseNumber(stepText, { name: 'step', min: 1, max: range.max })
  if (step === 0) throw new CronError(`step of range should be a positive number: ${part}`)
  if (start < range.min || end > range.max)
    throw new CronError(`${range.name} is out of range (${range.min}-${range.max}): ${part}`)
  if (start > end) throw new CronError(`beginning of range (${start}) beyond end of range (${end}): ${part}`)
  const values: number[] = []
  for (let value = start; value <= end; value += step) values.push(value)
  return values
}

function parseField(text: string, range: FieldRange): ReadonlySet<number> {
  return new Set(text.split(',').flatMap((part) => parsePart(part, range)))
}

function parseEvery(text: string): CronSchedule {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new CronError(`failed to parse duration @every ${text}`)
  }
  const ms = parts.reduce(
    (sum, [, amount = '0', unit = 's']) => sum + Number(amount) * (unitMs[unit] ?? 0),
    0,
  )
  return { kind: 'every', periodMs: Math.max(1000, Math.floor(ms / 1000) * 1000) }
}

/**
 * Reads a schedule.
 * @throws CronError
 */
export function parseCron(text: string): CronSchedule {
  const trimmed = text.trim()
  if (trimmed.startsWith('@every ')) return parseEvery(trimmed.slice('@every '.length))
  const spelled = trimmed.startsWith('@') ? shortcuts[trimmed] : trimmed
  if (spelled === undefined) throw new CronError(`unrecognized descriptor: ${trimmed}`)
  const fields = spelled.split(/\s+/)
  if (fields.length !== 5)
    throw new CronError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`)
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields
  return {
    kind: 'fields',
    minutes: parseField(minute, minuteRange),
    hours: parseField(hour, hourRange),
    days: parseField(day, dayRange),
    months: parseField(month, monthRange),
    weekdays: parseField(weekday, weekdayRange),
    anyDay: /^[*?]/.test(day),
    anyWeekday: /^[*?]/.test(weekday),
  }
}

const yearsMax = 5

/**
 * The first time after `afterMs` that the schedule names, or undefined when there is none in five years.
 * `offsetMs` is the time zone's distance from UTC at that time.
 */
export function nextCronTime(schedule: CronSchedule, afterMs: number, offsetMs = 0): number | undefined {
  if (schedule.kind === 'every') return Math.floor(afterMs / 1000) * 1000 + schedule.periodMs
  const local = new Date(Math.floor((afterMs + offsetMs) / 60_000 + 1) * 60_000)
  const lastYear = local.getUTCFullYear() + yearsMax
  while (local.getUTCFullYear() <= lastYear) {
    if (!schedule.months.has(local.getUTCMonth() + 1)) {
      local.setUTCMonth(local.getUTCMonth() + 1, 1)
      local.setUTCHours(0, 0, 0, 0)
      continue
    }
    const day = schedule.days.has(local.getUTCDate())
    const weekday = schedule.weekdays.has(local.getUTCDay())
    const isDay = schedule.anyDay || schedule.anyWeekday ? day && weekday : day || weekday
    if (!isDay) {
      local.setUTCDate(local.getUTCDate() + 1)
      local.setUTCHours(0, 0, 0, 0)
    } else if (!schedule.hours.has(local.getUTCHours())) {
      local.setUTCHours(local.getUTCHours() + 1, 0, 0, 0)
    } else if (!schedule.minutes.has(local.getUTCMinutes())) {
      local.setUTCMinutes(local.getUTCMinutes() + 1, 0, 0)
    } else return local.getTime() - offsetMs
  }
  return undefined
}
