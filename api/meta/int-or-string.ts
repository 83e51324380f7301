/**
 * IntOrString: `3` or `"25%"`.
 *
 * Source: k8s.io/apimachinery pkg/util/intstr (GetScaledValueFromIntOrPercent).
 */

/** The percentage that a text states (`"25%"` gives 25), or undefined when it is none. */
export function parsePercent(text: string): number | undefined {
  const match = /^(\d+)%$/.exec(text)
  return match?.[1] === undefined ? undefined : Number(match[1])
}

/**
 * The number that a value stands for out of `total`: itself, or its percentage rounded up or down.
 * @throws RangeError when a text is no percentage
 */
export function resolveIntOrPercent(value: number | string, total: number, roundUp: boolean): number {
  if (typeof value === 'number') return value
  const percent = parsePercent(value)
  if (percent === undefined) {
    throw new RangeError(
      `invalid value for IntOrString: ${JSON.stringify(value)} is neither a number nor a percentage`,
    )
  }
  const exact = (percent * total) / 100
  return roundUp ? Math.ceil(exact) : Math.floor(exact)
}
