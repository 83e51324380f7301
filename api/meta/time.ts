/**
 * Times on the wire: RFC 3339 in UTC, seconds for Time, microseconds for MicroTime; and the ages that tables
 * show.
 *
 * Pure: takes and gives milliseconds since 1970; the clock is the caller's.
 * Source: k8s.io/apimachinery pkg/apis/meta/v1/time.go, pkg/util/duration.
 */

const pattern = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/

/** Milliseconds since 1970 of an RFC 3339 text, or undefined where it is none. Fractions below a millisecond are cut. */
export function parseTime(text: string | undefined): number | undefined {
  if (text === undefined || !pattern.test(text)) return undefined
  const ms = Date.parse(text.replace(/(\.\d{3})\d+/, '$1'))
  return Number.isNaN(ms) ? undefined : ms
}

function isoText(ms: number): string {
  // A Date built from a given number reads no clock.
  return new Date(ms).toISOString()
}

/** `2026-11-21T06:05:10Z`. */
export function formatTime(ms: number): string {
  return `${isoText(ms).slice(0, 19)}Z`
}

const minuteMs = 60_000
const hourMs = 3_600_000
const dayMs = 86_400_000

function twoUnits(ms: number, big: [number, string], small: [number, string]): string {
  const [bigMs, bigName] = big
  const [smallMs, smallName] = small
  const rest = Math.floor((ms % bigMs) / smallMs)
  return `${Math.floor(ms / bigMs)}${bigName}${rest === 0 ? '' : `${rest}${smallName}`}`
}

/** A duration in at most three significant figures: `45s`, `3m20s`, `15m`, `2d3h`, `1y20d`. */
export function humanDuration(ms: number): string {
  if (ms < -1000) return '<invalid>'
  if (ms < 0) return '0s'
  if (ms < 2 * minuteMs) return `${Math.floor(ms / 1000)}s`
  if (ms < 10 * minuteMs) return twoUnits(ms, [minuteMs, 'm'], [1000, 's'])
  if (ms < 3 * hourMs) return `${Math.floor(ms / minuteMs)}m`
  if (ms < 8 * hourMs) return twoUnits(ms, [hourMs, 'h'], [minuteMs, 'm'])
  if (ms < 2 * dayMs) return `${Math.floor(ms / hourMs)}h`
  if (ms < 8 * dayMs) return twoUnits(ms, [dayMs, 'd'], [hourMs, 'h'])
  if (ms < 2 * 365 * dayMs) return `${Math.floor(ms / dayMs)}d`
  if (ms < 8 * 365 * dayMs) return twoUnits(ms, [365 * dayMs, 'y'], [dayMs, 'd'])
  return `${Math.floor(ms / (365 * dayMs))}y`
}

/** The age of something that began at `since`, or `<unknown>`. */
export function age(since: string | undefined, nowMs: number): string {
  const ms = parseTime(since)
  return ms === undefined ? '<unknown>' : humanDuration(nowMs - ms)
}
