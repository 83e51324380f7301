/** Metrics on prom-client, in a registry of their own (no module state). */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Instrument, Metrics } from '../metrics.ts'

export function createNodeMetrics(): Metrics {
  const registry = new Registry()
  const instruments = new Map<string, unknown>()
  const once = <T>(instrument: Instrument, make: () => T): T => {
    const known = instruments.get(instrument.name)
    if (known !== undefined) return known as T // unsafe: one name is asked for as one kind of instrument
    const made = make()
    instruments.set(instrument.name, made)
    return made
  }
  const base = (instrument: Instrument) => ({
    name: instrument.name,
    help: instrument.help,
    labelNames: [...(instrument.labels ?? [])],
    registers: [registry],
  })
  return {
    counter: (instrument) => {
      const counter = once(instrument, () => new Counter(base(instrument)))
      return { add: (value, labels) => (labels ? counter.inc(labels, value) : counter.inc(value)) }
    },
    gauge: (instrument) => {
      const gauge = once(instrument, () => new Gauge(base(instrument)))
      return { set: (value, labels) => (labels ? gauge.set(labels, value) : gauge.set(value)) }
    },
    histogram: (instrument) => {
      const histogram = once(
        instrument,
        () => new Histogram({ ...base(instrument), buckets: [...instrument.buckets] }),
      )
      return {
        observe: (value, labels) => (labels ? histogram.observe(labels, value) : histogram.observe(value)),
      }
    },
    expose: () => registry.metrics(),
  }
}
