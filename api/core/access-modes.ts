/** Access modes of volumes and claims. */
import type { FieldError } from '../meta/field-error.ts'
import { notSupported, required } from '../meta/field-error.ts'

const modes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
}

/** `RWO,ROX`, as tables show them. */
export function accessModesText(accessModes: readonly string[] | undefined): string {
  const given = new Set(accessModes ?? [])
  return Object.keys(shortModes)
    .filter((mode) => given.has(mode))
    .map((mode) => shortModes[mode])
    .join(',')
}

/** Problems of a list of modes: at least one, all known, ReadWriteOncePod alone. */
export function validateAccessModes(accessModes: readonly string[] | undefined, field: string): FieldError[] {
  const given = accessModes ?? []
  if (given.length === 0)
    return [required(field, field.startsWith('spec') ? 'at least 1 access mode is required' : '')]
  const problems = given
    .filter((mode) => !modes.includes(mode))
    .map((mode) => notSupported(field, mode, modes))
  if (given.length > 1 && given.includes('ReadWriteOncePod')) {
    problems.push({
      type: 'FieldValueForbidden',
      field,
      message: 'Forbidden: may not use ReadWriteOncePod with other access modes',
    })
  }
  return problems
}
