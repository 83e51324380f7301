/** IngressClass (networking.k8s.io/v1): who serves Ingresses. */
import { immutableProblems } from '../apps/workload-validation.ts'
import { ageColumn, column, nameColumn, none } from '../meta/columns.ts'
import { required } from '../meta/field-error.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { IngressClass } from '../types.ts'

function setDefaults(ingressClass: IngressClass): IngressClass {
  const parameters = ingressClass.spec?.parameters
  if (ingressClass.spec === undefined || parameters === undefined) return ingressClass
  return withFields(ingressClass, {
    spec: withFields(ingressClass.spec, { parameters: withDefaults(parameters, { scope: 'Cluster' }) }),
  })
}

function parametersText({ spec }: IngressClass): string {
  const parameters = spec?.parameters
  if (parameters === undefined) return none
  return `${parameters.kind}${parameters.apiGroup === undefined ? '' : `.${parameters.apiGroup}`}/${parameters.name}`
}

/** The resource `ingressclasses`. */
export const ingressClasses = defineKind<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  resource: 'ingressclasses',
  namespaced: false,
  definition: 'io.k8s.api.networking.v1.IngressClass',
  hasGeneration: true,
  setDefaults,
  validate: ({ spec }) => ((spec?.controller ?? '') === '' ? [required('spec.controller')] : []),
  validateUpdate: (next, previous) =>
    immutableProblems(next.spec?.controller, previous.spec?.controller, 'spec.controller'),
  columns: [
    nameColumn(),
    column('Controller', 'Who serves its Ingresses.', ({ spec }) => spec?.controller ?? ''),
    column('Parameters', 'Where its settings are.', parametersText),
    ageColumn(),
  ],
})
