/**
 * Label selectors, as text (`app=web,tier in (a,b),!old`) and as `LabelSelector` objects, in one compiled form.
 *
 * Invariants: requirements are sorted by key and their values are sorted and distinct, so that equal
 * selectors print equally. A missing LabelSelector selects nothing, an empty one everything.
 * Source: k8s.io/apimachinery pkg/labels, pkg/apis/meta/v1/helpers.go.
 */
import type { LabelSelector } from '../types.ts'
import { labelValueProblems, qualifiedNameProblems } from './names.ts'

export type SelectorOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt'

export interface Requirement {
  readonly key: string
  readonly operator: SelectorOperator
  /** Sorted and distinct; empty for `exists` and `!`. */
  readonly values: readonly string[]
}

/** A compiled selector: all requirements must hold; `nothing` matches no labels at all. */
export interface Selector {
  readonly requirements: readonly Requirement[]
  readonly nothing?: true
}

export type Labels = { readonly [key: string]: string }

/** A text or an object that is no selector. */
export class SelectorError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SelectorError'
  }
}

/** Matches every object. */
export const everything: Selector = { requirements: [] }
/** Matches no object. */
export const nothing: Selector = { requirements: [], nothing: true }

function newRequirement(key: string, operator: SelectorOperator, values: readonly string[]): Requirement {
  const problems = qualifiedNameProblems(key)
  if (problems.length > 0) {
    throw new SelectorError(`key: Invalid value: ${JSON.stringify(key)}: ${problems.join('; ')}`)
  }
  const isOrder = operator === 'gt' || operator === 'lt'
  for (const value of values) {
    if (isOrder && !/^-?\d+$/.test(value)) {
      throw new SelectorError(
        `values[0]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
      )
    }
    const valueProblems = labelValueProblems(value)
    if (valueProblems.length > 0) {
      throw new SelectorError(
        `values[0][${key}]: Invalid value: ${JSON.stringify(value)}: ${valueProblems.join('; ')}`,
      )
    }
  }
  return { key, operator, values: [...new Set(values)].sort() }
}

function newSelector(requirements: readonly Requirement[]): Selector {
  return { requirements: [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)) }
}

const token = /\s*(==|!=|=|!|>|<|,|\(|\)|[^\s=!<>,()]+)/y

function tokensOf(text: string): string[] {
  const tokens: string[] = []
  token.lastIndex = 0
  while (token.lastIndex < text.length) {
    const start = token.lastIndex
    const match = token.exec(text)
    if (match?.[1] === undefined) {
      if (text.slice(start).trim() === '') break
      throw new SelectorError(`unable to parse requirement: found '${text.slice(start)}'`)
    }
    tokens.push(match[1])
  }
  return tokens
}

const symbols = new Set(['==', '!=', '=', '!', '>', '<', ',', '(', ')'])
const words: Readonly<Record<string, SelectorOperator>> = { in: 'in', notin: 'notin' }
const signs: Readonly<Record<string, SelectorOperator>> = {
  '=': '=',
  '==': '==',
  '!=': '!=',
  '>': 'gt',
  '<': 'lt',
}

class Parser {
  readonly #tokens: readonly string[]
  #position = 0

  constructor(text: string) {
    this.#tokens = tokensOf(text)
  }

  #peek(): string | undefined {
    return this.#tokens[this.#position]
  }

  #next(): string | undefined {
    const next = this.#peek()
    this.#position += 1
    return next
  }

  #fail(found: string | undefined, expected: string): never {
    throw new SelectorError(`unable to parse requirement: found '${found ?? ''}', expected: ${expected}`)
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = []
    if (this.#peek() === undefined) return requirements
    for (;;) {
      requirements.push(this.#requirement())
      const separator = this.#next()
      if (separator === undefined) return requirements
      if (separator !== ',') this.#fail(separator, "',' or 'end of string'")
      if (this.#peek() === undefined) this.#fail(undefined, 'identifier after ","')
    }
  }

  #requirement(): Requirement {
    if (this.#peek() === '!') {
      this.#next()
      return newRequirement(this.#key(), '!', [])
    }
    const key = this.#key()
    const after = this.#peek()
    if (after === undefined || after === ',') return newRequirement(key, 'exists', [])
    this.#next()
    const word = words[after]
    if (word !== undefined) return newRequirement(key, word, this.#values())
    const sign = signs[after]
    if (sign === undefined) this.#fail(after, 'in, notin, =, ==, !=, gt, lt')
    return newRequirement(key, sign, [this.#value()])
  }

  #key(): string {
    const key = this.#next()
    if (key === undefined || symbols.has(key)) this.#fail(key, 'identifier')
    return key
  }

  #value(): string {
    const value = this.#peek()
    if (value === undefined || value === ',') return ''
    if (symbols.has(value)) this.#fail(value, 'identifier')
    this.#next()
    return value
  }

  #values(): string[] {
    if (this.#next() !== '(') this.#fail(this.#tokens[this.#position - 1], "'('")
    const values: string[] = []
    for (;;) {
      const value = this.#peek()
      if (value === ',' || value === ')') values.push('')
      else if (value !== undefined && !symbols.has(value)) values.push(this.#next() ?? '')
      else this.#fail(value, "',', ')' or identifier")
      const separator = this.#next()
      if (separator === ')') return values
      if (separator !== ',') this.#fail(separator, "',' or ')'")
    }
  }
}

/**
 * Reads a selector such as `app=web,tier in (a,b),!old`; an empty text selects everything.
 * @throws SelectorError
 */
export function parseLabelSelector(text: string): Selector {
  return newSelector(new Parser(text).parse())
}

const operators: Readonly<Record<string, SelectorOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
}

/**
 * Compiles a `LabelSelector`. Undefined selects nothing, `{}` everything.
 * @throws SelectorError
 */
export function labelSelectorFrom(selector: LabelSelector | undefined | null): Selector {
  if (selector === undefined || selector === null) return nothing
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) =>
    newRequirement(key, '=', [value]),
  )
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const known = operators[operator]
    if (known === undefined) {
      throw new SelectorError(`${JSON.stringify(operator)} is not a valid label selector operator`)
    }
    if ((known === 'in' || known === 'notin') && (values ?? []).length === 0) {
      throw new SelectorError(
        "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
      )
    }
    requirements.push(newRequirement(key, known, values ?? []))
  }
  return newSelector(requirements)
}

/** The compiled selector, or undefined where the object is malformed. */
export function tryLabelSelectorFrom(selector: LabelSelector | undefined): Selector | undefined {
  try {
    return labelSelectorFrom(selector)
  } catch (error) {
    if (error instanceof SelectorError) return undefined
    throw error
  }
}

/** A selector that asks for exactly these label values; an empty map selects everything. */
export function selectorFromLabels(labels: Labels | undefined): Selector {
  return newSelector(
    Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=', values: [value] })),
  )
}

function integerOf(text: string): bigint | undefined {
  return /^-?\d+$/.test(text) ? BigInt(text) : undefined
}

function holds({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return value !== undefined && values.includes(value)
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value)
    case 'exists':
      return value !== undefined
    case '!':
      return value === undefined
    case 'gt':
    case 'lt': {
      const left = value === undefined ? undefined : integerOf(value)
      const right = integerOf(values[0] ?? '')
      if (left === undefined || right === undefined) return false
      return operator === 'gt' ? left > right : left < right
    }
  }
}

/** True when the labels (none: `{}`) meet every requirement. */
export function matchesLabels(selector: Selector, labels: Labels | undefined): boolean {
  if (selector.nothing === true) return false
  return selector.requirements.every((requirement) => holds(requirement, labels ?? {}))
}

/** True when it selects every object. */
export function isEverything(selector: Selector): boolean {
  return selector.nothing !== true && selector.requirements.length === 0
}

function formatRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key
    case '!':
      return `!${key}`
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`
    case 'gt':
      return `${key}>${values[0] ?? ''}`
    case 'lt':
      return `${key}<${values[0] ?? ''}`
    case '=':
    case '==':
    case '!=':
      return `${key}${operator}${values[0] ?? ''}`
  }
}

/** The selector as text that `parseLabelSelector` reads again; '' for everything. */
export function formatSelector(selector: Selector): string {
  return selector.requirements.map(formatRequirement).join(',')
}

/** A `LabelSelector` as a table shows it: `<none>` when empty, `<error>` when it is malformed. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  const compiled = tryLabelSelectorFrom(selector)
  return compiled === undefined ? '<error>' : formatSelector(compiled) || '<none>'
}
