/** CSINode (storage.k8s.io/v1): the storage drivers of one node. */
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { duplicate, required } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { CSINode } from '../types.ts'

function validate({ spec }: CSINode): readonly FieldError[] {
  const seen = new Set<string>()
  return (spec?.drivers ?? []).flatMap((driver, index) => {
    const at = `spec.drivers[${index}]`
    const problems: FieldError[] = []
    for (const field of ['name', 'nodeID'] as const)
      if ((driver[field] ?? '') === '') problems.push(required(`${at}.${field}`))
    if (seen.has(driver.name)) problems.push(duplicate(`${at}.name`, driver.name))
    seen.add(driver.name)
    return problems
  })
}

/** The resource `csinodes`. */
export const csiNodes = defineKind<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  resource: 'csinodes',
  namespaced: false,
  definition: 'io.k8s.api.storage.v1.CSINode',
  updatesUnconditionally: false,
  validate,
  columns: [
    nameColumn(),
    column('Drivers', 'Number of drivers.', ({ spec }) => (spec?.drivers ?? []).length, { type: 'integer' }),
    ageColumn(),
  ],
})
