/**
 * CustomResourceDefinition (apiextensions.k8s.io/v1): a kind that users bring. Its serving is another issue's;
 * here it can be stored, checked and shown.
 *
 * Source: apiextensions-apiserver pkg/apis/apiextensions/{v1/defaults,validation/validation}.go.
 */
import { createdAtColumn, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, notSupported, required } from '../meta/field-error.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { dns1035LabelProblems, dns1123SubdomainProblems } from '../meta/names.ts'
import type { CustomResourceDefinition, CustomResourceDefinitionSpec } from '../types.ts'

const scopes = ['Cluster', 'Namespaced']

function setDefaults(definition: CustomResourceDefinition): CustomResourceDefinition {
  const spec = definition.spec
  if (spec === undefined) return definition
  const kind = spec.names?.kind ?? ''
  const names = withDefaults(spec.names ?? { kind: '', plural: '' }, {
    singular: kind === '' ? undefined : kind.toLowerCase(),
    listKind: kind === '' ? undefined : `${kind}List`,
  })
  return withFields(definition, {
    spec: withFields(withDefaults<CustomResourceDefinitionSpec>(spec, { conversion: { strategy: 'None' } }), {
      names,
    }),
  })
}

function validateVersions(spec: CustomResourceDefinitionSpec): FieldError[] {
  const versions = spec.versions ?? []
  const stored = versions.filter((version) => version.storage).length
  const problems: FieldError[] = versions.flatMap((version, index) => {
    const name = version.name ?? ''
    const at = `spec.versions[${index}]`
    const own = dns1035LabelProblems(name).map((text) => invalidValue(`${at}.name`, name, text))
    return version.schema?.openAPIV3Schema === undefined
      ? [...own, required(`${at}.schema.openAPIV3Schema`, 'schemas are required')]
      : own
  })
  if (stored !== 1) {
    problems.push(
      invalidValue(
        'spec.versions',
        versions.map(({ name }) => name),
        'must have exactly one version marked as storage version',
      ),
    )
  }
  return problems
}

function validate({ metadata, spec }: CustomResourceDefinition): readonly FieldError[] {
  const problems: FieldError[] = []
  const plural = spec?.names?.plural ?? ''
  const kind = spec?.names?.kind ?? ''
  const group = spec?.group ?? ''
  const scope = spec?.scope ?? ''
  if (spec === undefined) return [required('spec')]
  if (metadata.name !== `${plural}.${group}`) {
    problems.push(invalidValue('metadata.name', metadata.name, `must be spec.names.plural+"."+spec.group`))
  }
  if (group === '') problems.push(required('spec.group'))
  else
    problems.push(...dns1123SubdomainProblems(group).map((text) => invalidValue('spec.group', group, text)))
  if (!scopes.includes(scope))
    problems.push(scope === '' ? required('spec.scope') : notSupported('spec.scope', scope, scopes))
  if (plural === '') problems.push(required('spec.names.plural'))
  if (kind === '') problems.push(required('spec.names.kind'))
  return [...problems, ...validateVersions(spec)]
}

/** The resource `customresourcedefinitions`. */
export const customResourceDefinitions = defineKind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  resource: 'customresourcedefinitions',
  namespaced: false,
  definition: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  storagePath: 'apiextensions.k8s.io/customresourcedefinitions',
  hasStatus: true,
  hasGeneration: true,
  updatesUnconditionally: false,
  setDefaults,
  validate,
  columns: [nameColumn(), createdAtColumn()],
})
