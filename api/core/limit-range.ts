/**
 * LimitRange (v1): bounds and defaults of what one object in a namespace may ask for.
 *
 * Source: kubernetes pkg/apis/core/v1/defaults.go (SetDefaults_LimitRangeItem), validation.go.
 */
import { nameColumn, createdAtColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { duplicate, invalidValue, required } from '../meta/field-error.ts'
import { mapList, withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { compareQuantities, tryParseQuantity } from '../meta/quantity.ts'
import type { LimitRange, LimitRangeItem } from '../types.ts'

type Amounts = { readonly [name: string]: string | number }

function filled(amounts: Amounts | undefined, defaults: Amounts | undefined): Amounts | undefined {
  return defaults === undefined ? amounts : withDefaults({ ...amounts }, defaults)
}

function setItemDefaults(item: LimitRangeItem): LimitRangeItem {
  if (item.type !== 'Container') return item
  const limits = filled(item.default, item.max)
  const requests = filled(filled(item.defaultRequest, limits), item.min)
  return {
    ...item,
    ...(limits === undefined ? {} : { default: limits }),
    ...(requests === undefined ? {} : { defaultRequest: requests }),
  }
}

function orderProblems(
  low: Amounts | undefined,
  high: Amounts | undefined,
  field: string,
  words: string,
): FieldError[] {
  return Object.entries(low ?? {}).flatMap(([name, text]) => {
    const [a, b] = [tryParseQuantity(text), tryParseQuantity(high?.[name])]
    if (a === undefined || b === undefined || compareQuantities(a, b) <= 0) return []
    return [
      invalidValue(
        `${field}[${name}]`,
        String(text),
        words.replace('%s', String(text)).replace('%s', String(high?.[name])),
      ),
    ]
  })
}

function validate({ spec }: LimitRange): readonly FieldError[] {
  const seen = new Set<string>()
  return (spec?.limits ?? []).flatMap((item, index) => {
    const at = `spec.limits[${index}]`
    const problems: FieldError[] = (item.type ?? '') === '' ? [required(`${at}.type`)] : []
    if (seen.has(item.type)) problems.push(duplicate(`${at}.type`, item.type))
    seen.add(item.type)
    return [
      ...problems,
      ...orderProblems(item.min, item.max, `${at}.min`, 'min value %s is greater than max value %s'),
      ...orderProblems(
        item.defaultRequest,
        item.default,
        `${at}.defaultRequest`,
        'default request value %s is greater than default limit value %s',
      ),
      ...orderProblems(
        item.default,
        item.max,
        `${at}.default`,
        'default value %s is greater than max value %s',
      ),
    ]
  })
}

/** The resource `limitranges`. */
export const limitRanges = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  resource: 'limitranges',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.LimitRange',
  createsOnUpdate: true,
  shortNames: ['limits'],
  setDefaults: (range) =>
    range.spec === undefined
      ? range
      : withFields(range, {
          spec: withFields(range.spec, { limits: mapList(range.spec.limits, setItemDefaults) ?? [] }),
        }),
  validate,
  columns: [nameColumn(), createdAtColumn()],
})
