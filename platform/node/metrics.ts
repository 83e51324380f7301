/**
 * Metrics in memory, exposed in Prometheus' text format 0.0.4. Written here and not taken from prom-client:
 * thirteen processes start at once on two cores, and importing that library cost each of them 20 to 45 ms of
 * CPU before its first useful line (Node 20; the machine's load decides which).
 *
 * Source: Prometheus, "Exposition formats".
 */
import type { Instrument, Labels, Metrics } from '../metrics.ts'

type Kind = 'counter' | 'gauge' | 'histogram'

/** Values by rendered labels, in the order of their first use. */
interface Family {
  readonly kind: Kind
  readonly instrument: Instrument
  readonly buckets: readonly number[]
  readonly series: Map<string, Series>
}

/** A counter's or gauge's value; a histogram's sum, and its observations per bucket, not cumulated. */
interface Series {
  value: number
  count: number
  readonly inBucket: number[]
}

/** A registry of its own: no module state. */
export function createNodeMetrics(): Metrics {
  const families = new Map<string, Family>()
  const family = (kind: Kind, instrument: Instrument, buckets: readonly number[] = []): Family => {
    const known = families.get(instrument.name)
    if (known !== undefined) return known
    const made: Family = { kind, instrument, buckets, series: new Map() }
    families.set(instrument.name, made)
    // What has no labels is there from the start: a reader can tell zero from absent.
    if (instrument.labels === undefined || instrument.labels.length === 0) seriesOf(made, undefined)
    return made
  }
  return {
    counter: (instrument) => {
      const counter = family('counter', instrument)
      return {
        add: (value, labels) => {
          seriesOf(counter, labels).value += value
        },
      }
    },
    gauge: (instrument) => {
      const gauge = family('gauge', instrument)
      return {
        set: (value, labels) => {
          seriesOf(gauge, labels).value = value
        },
      }
    },
    histogram: (instrument) => {
      const histogram = family(
        'histogram',
        instrument,
        [...instrument.buckets].sort((one, other) => one - other),
      )
      return { observe: (value, labels) => observe(histogram, value, labels) }
    },
    expose: () => Promise.resolve([...families.values()].map(render).join('\n')),
  }
}

function seriesOf(family: Family, labels: Labels | undefined): Series {
  const key = labels === undefined ? '' : renderLabels(labels)
  const known = family.series.get(key)
  if (known !== undefined) return known
  const made: Series = { value: 0, count: 0, inBucket: family.buckets.map(() => 0) }
  family.series.set(key, made)
  return made
}

function observe(family: Family, value: number, labels: Labels | undefined): void {
  const series = seriesOf(family, labels)
  series.value += value
  series.count += 1
  const bucket = family.buckets.findIndex((limit) => value <= limit)
  if (bucket >= 0) series.inBucket[bucket] = (series.inBucket[bucket] ?? 0) + 1
}

function render(family: Family): string {
  const { name, help } = family.instrument
  const lines = [
    `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
    `# TYPE ${name} ${family.kind}`,
  ]
  for (const [labels, series] of family.series) {
    if (family.kind === 'histogram') lines.push(...renderHistogram(family, labels, series))
    else lines.push(`${name}${braced(labels)} ${number(series.value)}`)
  }
  return `${lines.join('\n')}\n`
}

function renderHistogram(family: Family, labels: string, series: Series): readonly string[] {
  const { name } = family.instrument
  const separator = labels === '' ? '' : ','
  let cumulated = 0
  const buckets = family.buckets.map((limit, index) => {
    cumulated += series.inBucket[index] ?? 0
    return `${name}_bucket{${labels}${separator}le="${number(limit)}"} ${cumulated}`
  })
  return [
    ...buckets,
    `${name}_bucket{${labels}${separator}le="+Inf"} ${series.count}`,
    `${name}_sum${braced(labels)} ${number(series.value)}`,
    `${name}_count${braced(labels)} ${series.count}`,
  ]
}

/** `a="x",b="y"`, by name, so that one set of labels is one series whatever its order. */
function renderLabels(labels: Labels): string {
  return Object.entries(labels)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${name}="${escapeValue(value)}"`)
    .join(',')
}

function escapeValue(value: string): string {
  return /[\\"\n]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : value
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

function number(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return `${value}`
  return value > 0 ? '+Inf' : '-Inf'
}
