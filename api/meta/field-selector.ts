/**
 * Field selectors: `status.phase!=Failed,spec.nodeName=n1`. Which fields a kind knows stands in its
 * `selectableFields`.
 *
 * Source: k8s.io/apimachinery pkg/fields; for the errors, pkg/runtime and each group's conversion.go.
 */
import type { Kind, KubeObject } from '../kind.ts'
import { SelectorError } from './selector.ts'

export interface FieldRequirement {
  readonly field: string
  readonly operator: '=' | '!='
  readonly value: string
}

/** All requirements must hold; an empty list selects everything. */
export type FieldSelector = readonly FieldRequirement[]

function splitTerms(text: string): string[] {
  const terms: string[] = []
  let start = 0
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '\\') i += 1
    else if (text[i] === ',') {
      terms.push(text.slice(start, i))
      start = i + 1
    }
  }
  terms.push(text.slice(start))
  return terms.filter((term) => term !== '')
}

function unescapeValue(text: string): string {
  let value = ''
  for (let i = 0; i < text.length; i += 1) {
    const letter = text[i] ?? ''
    if (letter === '\\') {
      i += 1
      const escaped = text[i]
      if (escaped !== '\\' && escaped !== ',' && escaped !== '=') {
        throw new SelectorError(`invalid escape sequence: \\${escaped ?? ''}`)
      }
      value += escaped
    } else if (letter === '=' || letter === ',') {
      throw new SelectorError(`unescaped special character in value: ${letter}`)
    } else value += letter
  }
  return value
}

function parseTerm(term: string): FieldRequirement {
  const match = /^([^=!]*)(!=|==|=)(.*)$/s.exec(term)
  if (match === null) throw new SelectorError(`invalid selector: '${term}'; can't understand '${term}'`)
  const [, field = '', operator = '=', value = ''] = match
  return { field, operator: operator === '!=' ? '!=' : '=', value: unescapeValue(value) }
}

/**
 * Reads a field selector; an empty text selects everything.
 * @throws SelectorError
 */
export function parseFieldSelector(text: string): FieldSelector {
  return splitTerms(text).map(parseTerm)
}

/** True when every requirement holds of the texts that `fieldText` gives. */
export function matchesFields(selector: FieldSelector, fieldText: (field: string) => string): boolean {
  return selector.every(({ field, operator, value }) => (fieldText(field) === value) === (operator === '='))
}

/** The text of one selectable field of an object; '' where the kind does not know the field. */
export function fieldText<T = KubeObject>(
  kind: Pick<Kind<T>, 'selectableFields'>,
  object: T & {
    readonly metadata: { readonly name?: string | undefined; readonly namespace?: string | undefined }
  },
  field: string,
): string {
  if (field === 'metadata.name') return object.metadata.name ?? ''
  if (field === 'metadata.namespace') return object.metadata.namespace ?? ''
  return kind.selectableFields[field]?.(object) ?? ''
}

/** Why a selector may not be used with a kind (the 400's text), or undefined when it may. */
export function fieldSelectorProblem(
  kind: { readonly namespaced: boolean; readonly selectableFields: Readonly<Record<string, unknown>> },
  selector: FieldSelector,
): string | undefined {
  const hasOwnFields = Object.keys(kind.selectableFields).length > 0
  for (const { field } of selector) {
    if (field === 'metadata.name') continue
    if (field === 'metadata.namespace' && kind.namespaced) continue
    if (Object.hasOwn(kind.selectableFields, field)) continue
    return hasOwnFields
      ? `field label not supported: ${field}`
      : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
  }
  return undefined
}

/** The value that a selector fixes for a field by `=`, or undefined; lets a watch on one name be cheap. */
export function requiredValue(selector: FieldSelector, field: string): string | undefined {
  return selector.find((requirement) => requirement.field === field && requirement.operator === '=')?.value
}

function escapeValue(text: string): string {
  return text.replace(/[\\,=]/g, (letter) => `\\${letter}`)
}

/** The selector as text that `parseFieldSelector` reads again. */
export function formatFieldSelector(selector: FieldSelector): string {
  return selector.map(({ field, operator, value }) => `${field}${operator}${escapeValue(value)}`).join(',')
}
