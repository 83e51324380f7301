/** Metrics, as a power, in Prometheus' terms. Asking twice for one name gives the same instrument. */
export type Labels = Readonly<Record<string, string>>

export interface Counter {
  add(value: number, labels?: Labels): void
}

export interface Gauge {
  set(value: number, labels?: Labels): void
}

export interface Histogram {
  observe(value: number, labels?: Labels): void
}

export interface Instrument {
  readonly name: string
  readonly help: string
  readonly labels?: readonly string[]
}

export interface Metrics {
  counter(instrument: Instrument): Counter
  gauge(instrument: Instrument): Gauge
  histogram(instrument: Instrument & { readonly buckets: readonly number[] }): Histogram
  /** The text exposition format, version 0.0.4. */
  expose(): Promise<string>
}

/** Metrics that keep nothing. */
export const silentMetrics: Metrics = {
  counter: () => ({ add: () => {} }),
  gauge: () => ({ set: () => {} }),
  histogram: () => ({ observe: () => {} }),
  expose: () => Promise.resolve(''),
}
