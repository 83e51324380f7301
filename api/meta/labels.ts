/** Label and annotation maps: checks and the well-known keys that several rooms share. */
import type { FieldError } from './field-error.ts'
import { invalidValue, tooLong } from './field-error.ts'
import { labelValueProblems, qualifiedNameProblems } from './names.ts'
import type { Labels } from './selector.ts'

const annotationsMaxBytes = 256 * 1024

/** Label that ties EndpointSlices to their Service. */
export const serviceNameLabel = 'kubernetes.io/service-name'
/** Label by which a Deployment tells its ReplicaSets apart. */
export const podTemplateHashLabel = 'pod-template-hash'

/** Problems of a label map at `field`. */
export function labelProblems(labels: Labels | undefined, field: string): FieldError[] {
  const errors: FieldError[] = []
  for (const [key, value] of Object.entries(labels ?? {})) {
    for (const problem of qualifiedNameProblems(key)) errors.push(invalidValue(field, key, problem))
    for (const problem of labelValueProblems(value)) errors.push(invalidValue(field, value, problem))
  }
  return errors
}

/** Problems of an annotation map at `field`: keys as labels' in lower case, any values, 256 KiB in all. */
export function annotationProblems(annotations: Labels | undefined, field: string): FieldError[] {
  const errors: FieldError[] = []
  let bytes = 0
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const problem of qualifiedNameProblems(key.toLowerCase())) {
      errors.push(invalidValue(field, key, problem))
    }
    bytes += new TextEncoder().encode(key).length + new TextEncoder().encode(value).length
  }
  if (bytes > annotationsMaxBytes) errors.push(tooLong(field, annotationsMaxBytes))
  return errors
}
