/**
 * Problems of a LabelSelector object.
 *
 * Source: k8s.io/apimachinery pkg/apis/meta/v1/validation.
 */
import type { LabelSelector } from '../types.ts'
import type { FieldError } from './field-error.ts'
import { forbiddenField, invalidValue, required } from './field-error.ts'
import { labelProblems } from './labels.ts'
import { labelValueProblems, qualifiedNameProblems } from './names.ts'

/** Problems of the selector at `field`; an absent one has none. */
export function validateLabelSelector(selector: LabelSelector | undefined, field: string): FieldError[] {
  const problems = labelProblems(selector?.matchLabels, `${field}.matchLabels`)
  ;(selector?.matchExpressions ?? []).forEach((expression, index) => {
    const at = `${field}.matchExpressions[${index}]`
    const values = expression.values ?? []
    for (const text of qualifiedNameProblems(expression.key ?? ''))
      problems.push(invalidValue(`${at}.key`, expression.key, text))
    switch (expression.operator) {
      case 'In':
      case 'NotIn':
        if (values.length === 0)
          problems.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
        break
      case 'Exists':
      case 'DoesNotExist':
        if (values.length > 0)
          problems.push(
            forbiddenField(
              `${at}.values`,
              "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
          )
        break
      default:
        problems.push(invalidValue(`${at}.operator`, expression.operator, 'not a valid selector operator'))
    }
    values.forEach((value, valueIndex) => {
      for (const text of labelValueProblems(value))
        problems.push(invalidValue(`${at}.values[${valueIndex}]`, value, text))
    })
  })
  return problems
}
