/** PodTemplate (v1): a template that stands alone. */
import { ageColumn, column, formatLabels, nameColumn } from '../meta/columns.ts'
import { withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { PodTemplate } from '../types.ts'
import { setPodTemplateDefaults } from './pod-spec-defaults.ts'
import { validatePodTemplate } from './pod-spec-validation.ts'

/** The resource `podtemplates`. */
export const podTemplates = defineKind<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  resource: 'podtemplates',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.PodTemplate',
  hasGeneration: true,
  setDefaults: (object) => withFields(object, { template: setPodTemplateDefaults(object.template) }),
  validate: ({ template }) => validatePodTemplate(template, 'template'),
  columns: [
    nameColumn(),
    column('Containers', 'Names of the containers.', ({ template }) =>
      (template?.spec?.containers ?? []).map((container) => container.name).join(','),
    ),
    column('Images', 'Images of the containers.', ({ template }) =>
      (template?.spec?.containers ?? []).map((container) => container.image ?? '').join(','),
    ),
    column('Pod Labels', 'Labels that the pods get.', ({ template }) =>
      formatLabels(template?.metadata?.labels),
    ),
    ageColumn(),
  ],
})
