/**
 * Quantities: `100m`, `1.5Gi`, `2e3`. Exact: a BigInt count of nano-units, never a float.
 *
 * Invariants: what cannot be held in nano-units is rounded away from zero on parsing, as upstream does; the
 * format that the text was written in (powers of 1024, powers of 1000, or an exponent) is kept for printing.
 * Source: k8s.io/apimachinery pkg/api/resource (quantity.go, suffix.go).
 */

export type QuantityFormat = 'BinarySI' | 'DecimalSI' | 'DecimalExponent'

export interface Quantity {
  /** The amount times 10^9. */
  readonly nano: bigint
  readonly format: QuantityFormat
}

const nanoPerUnit = 1_000_000_000n
const nanoPerMilli = 1_000_000n
const shape = /^([+-]?)(\d+\.?\d*|\.\d+)([a-zA-Z]*)([-+]?\d*)$/

const decimalSuffixes: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
])
const binarySuffixes: ReadonlyMap<string, number> = new Map([
  ['Ki', 1],
  ['Mi', 2],
  ['Gi', 3],
  ['Ti', 4],
  ['Pi', 5],
  ['Ei', 6],
])
const decimalNames = new Map(Array.from(decimalSuffixes, ([name, exponent]) => [exponent, name]))
const binaryNames = new Map(Array.from(binarySuffixes, ([name, exponent]) => [exponent, name]))
/** Exponents beyond this say nothing that a cluster could mean, and would cost memory. */
const exponentMax = 40

/** A text that is no quantity. The message is upstream's. */
export class QuantityError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'QuantityError'
  }
}

const formatText =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const suffixText = "unable to parse quantity's suffix"

interface Scale {
  readonly multiplier: bigint
  /** Decimal exponent. */
  readonly exponent: number
  readonly format: QuantityFormat
}

function scaleOf(letters: string, digits: string): Scale {
  if ((letters === 'e' || letters === 'E') && /\d/.test(digits)) {
    const exponent = Number(digits)
    if (Math.abs(exponent) > exponentMax) throw new QuantityError(suffixText)
    return { multiplier: 1n, exponent, format: 'DecimalExponent' }
  }
  if (digits !== '') throw new QuantityError(suffixText)
  const decimal = decimalSuffixes.get(letters)
  if (decimal !== undefined) return { multiplier: 1n, exponent: decimal, format: 'DecimalSI' }
  const binary = binarySuffixes.get(letters)
  if (binary === undefined) throw new QuantityError(suffixText)
  return { multiplier: 1024n ** BigInt(binary), exponent: 0, format: 'BinarySI' }
}

function ceilDivide(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor
}

/**
 * Reads a quantity.
 * @throws QuantityError when the text is none
 */
export function parseQuantity(text: string | number): Quantity {
  const match = shape.exec(String(text))
  if (match === null) throw new QuantityError(formatText)
  const [, sign = '', number = '', letters = '', digits = ''] = match
  const { multiplier, exponent, format } = scaleOf(letters, digits)
  const [whole = '', fraction = ''] = number.split('.')
  const mantissa = BigInt(`${whole}${fraction}` || '0') * multiplier
  const power = 9 + exponent - fraction.length
  const magnitude = power >= 0 ? mantissa * 10n ** BigInt(power) : ceilDivide(mantissa, 10n ** BigInt(-power))
  return { nano: sign === '-' ? -magnitude : magnitude, format }
}

/** The quantity, or undefined where the text is none. */
export function tryParseQuantity(text: unknown): Quantity | undefined {
  if (typeof text !== 'string' && typeof text !== 'number') return undefined
  try {
    return parseQuantity(text)
  } catch (error) {
    if (error instanceof QuantityError) return undefined
    throw error
  }
}

/** No amount at all. */
export const zeroQuantity: Quantity = { nano: 0n, format: 'DecimalSI' }

/** A whole number of units; powers of 1024 where `format` is BinarySI. */
export function quantityOf(value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity {
  return { nano: BigInt(value) * nanoPerUnit, format }
}

/** A number of thousandths. */
export function quantityOfMilli(value: number | bigint): Quantity {
  return { nano: BigInt(value) * nanoPerMilli, format: 'DecimalSI' }
}

/** Negative, zero or positive as `a` is less than, equal to or more than `b`. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0
}

/** The sum, in the format of the first that is not zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format }
}

/** The difference, in the format of the first that is not zero. */
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano - b.nano, format: a.nano === 0n ? b.format : a.format }
}

/** The larger of two. */
export function maxQuantity(a: Quantity, b: Quantity): Quantity {
  return compareQuantities(a, b) >= 0 ? a : b
}

function ceilAwayFromZero(nano: bigint, unit: bigint): bigint {
  return nano < 0n ? -ceilDivide(-nano, unit) : ceilDivide(nano, unit)
}

/** Thousandths, rounded away from zero: `0.1` is 100. */
export function toMilli(quantity: Quantity): number {
  return Number(ceilAwayFromZero(quantity.nano, nanoPerMilli))
}

/** Whole units, rounded away from zero: bytes, counts. */
export function toWhole(quantity: Quantity): number {
  return Number(ceilAwayFromZero(quantity.nano, nanoPerUnit))
}

/** Units as a float; may lose digits. */
export function toNumber(quantity: Quantity): number {
  return Number(quantity.nano) / 1e9
}

function formatDecimal(quantity: Quantity): string {
  let mantissa = quantity.nano
  let exponent = -9
  while (exponent < 18 && mantissa % 1000n === 0n) {
    mantissa /= 1000n
    exponent += 3
  }
  if (quantity.format === 'DecimalExponent') return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`
  return `${mantissa}${decimalNames.get(exponent) ?? ''}`
}

function formatBinary(quantity: Quantity): string {
  let whole = ceilAwayFromZero(quantity.nano, nanoPerUnit)
  let exponent = 0
  while (exponent < 6 && whole % 1024n === 0n) {
    whole /= 1024n
    exponent += 1
  }
  return `${whole}${binaryNames.get(exponent) ?? ''}`
}

/** The canonical text: no fraction, the largest suffix that loses nothing, the format it was written in. */
export function formatQuantity(quantity: Quantity): string {
  if (quantity.nano === 0n) return '0'
  const small = 1024n * nanoPerUnit
  const isSmall = quantity.nano > -small && quantity.nano < small
  if (quantity.format === 'BinarySI') {
    return isSmall ? formatDecimal({ ...quantity, format: 'DecimalSI' }) : formatBinary(quantity)
  }
  return formatDecimal(quantity)
}

/** The canonical text of a text; the text itself where it is no quantity. */
export function canonicalQuantity(text: string | number): string {
  const quantity = tryParseQuantity(text)
  return quantity === undefined ? String(text) : formatQuantity(quantity)
}
