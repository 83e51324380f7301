/**
 * Secret (v1): keys and values that not everyone may read.
 *
 * `stringData` is only for writing: it is merged into `data` by defaulting and never stored.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateSecret), v1/conversion.go.
 */
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, required } from '../meta/field-error.ts'
import { withDefaults } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Secret } from '../types.ts'
import { base64Bytes, sizeProblems, validateImmutable, validateKeys } from './config-data-validation.ts'

function setDefaults(secret: Secret): Secret {
  const { stringData, ...rest } = withDefaults(secret, { type: 'Opaque' })
  if (stringData === undefined) return withDefaults(secret, { type: 'Opaque' })
  const encoded = Object.entries(stringData).map(([key, text]) => [
    key,
    Buffer.from(text, 'utf8').toString('base64'),
  ])
  return { ...rest, data: { ...rest.data, ...Object.fromEntries(encoded) } }
}

/** Keys that a type of secret must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
}
const serviceAccountNameAnnotation = 'kubernetes.io/service-account.name'

function isJson(base64: string): boolean {
  try {
    JSON.parse(Buffer.from(base64, 'base64').toString('utf8'))
    return true
  } catch {
    return false
  }
}

function typeProblems({ type = '', data, metadata }: Secret): FieldError[] {
  const problems = (requiredKeys[type] ?? [])
    .filter((key) => data?.[key] === undefined)
    .map((key) => required(`data[${key}]`))
  for (const key of ['.dockercfg', '.dockerconfigjson']) {
    const value = data?.[key]
    if (requiredKeys[type]?.includes(key) && value !== undefined && !isJson(value)) {
      problems.push(invalidValue(`data[${key}]`, '<secret contents redacted>', 'invalid character: not JSON'))
    }
  }
  if (
    type === 'kubernetes.io/basic-auth' &&
    data?.['username'] === undefined &&
    data?.['password'] === undefined
  ) {
    problems.push(required('data[username]'), required('data[password]'))
  }
  if (
    type === 'kubernetes.io/service-account-token' &&
    (metadata.annotations?.[serviceAccountNameAnnotation] ?? '') === ''
  ) {
    problems.push(required(`metadata.annotations[${serviceAccountNameAnnotation}]`))
  }
  return problems
}

function validate(secret: Secret): readonly FieldError[] {
  const bytes = Object.values(secret.data ?? {}).reduce((sum, text) => sum + base64Bytes(text), 0)
  return [...validateKeys(secret.data, 'data'), ...sizeProblems(bytes, 'data'), ...typeProblems(secret)]
}

function validateUpdate(next: Secret, previous: Secret): readonly FieldError[] {
  const type = next.type === previous.type ? [] : [invalidValue('type', next.type, 'field is immutable')]
  return [...type, ...validateImmutable(next, previous)]
}

/** The resource `secrets`. */
export const secrets = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  resource: 'secrets',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.Secret',
  setDefaults,
  prepareForUpdate: (next, previous) => ((next.type ?? '') === '' ? { ...next, type: previous.type } : next),
  validate,
  validateUpdate,
  columns: [
    nameColumn(),
    column('Type', 'What the secret is for.', ({ type }) => type ?? ''),
    column('Data', 'Number of keys.', ({ data }) => Object.keys(data ?? {}).length, { type: 'integer' }),
    ageColumn(),
  ],
  selectableFields: { type: ({ type }) => type ?? '' },
})
