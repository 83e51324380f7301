/**
 * ConfigMap (v1): settings as keys and values.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateConfigMap).
 */
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ConfigMap } from '../types.ts'
import { base64Bytes, sizeProblems, validateImmutable, validateKeys } from './config-data-validation.ts'

function validate({ data, binaryData }: ConfigMap): readonly FieldError[] {
  const encoder = new TextEncoder()
  const texts = Object.values(data ?? {}).reduce((sum, text) => sum + encoder.encode(text).length, 0)
  const binaries = Object.values(binaryData ?? {}).reduce((sum, text) => sum + base64Bytes(text), 0)
  const both = Object.keys(data ?? {}).filter((key) => binaryData?.[key] !== undefined)
  return [
    ...validateKeys(data, 'data'),
    ...validateKeys(binaryData, 'binaryData'),
    ...both.map((key) => invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData')),
    ...sizeProblems(texts + binaries, ''),
  ]
}

/** The resource `configmaps`. */
export const configMaps = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  resource: 'configmaps',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.ConfigMap',
  shortNames: ['cm'],
  validate,
  validateUpdate: validateImmutable,
  columns: [
    nameColumn(),
    column(
      'Data',
      'Number of keys.',
      ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
      { type: 'integer' },
    ),
    ageColumn(),
  ],
})
