/** ValidatingWebhookConfiguration (admissionregistration.k8s.io/v1): servers that may refuse what is written. */
import { mapList, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ValidatingWebhookConfiguration } from '../types.ts'
import { setWebhookDefaults, validateWebhooks, webhookColumns } from './webhook-configuration.ts'

/** The resource `validatingwebhookconfigurations`. */
export const validatingWebhookConfigurations = defineKind<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  resource: 'validatingwebhookconfigurations',
  namespaced: false,
  definition: 'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration',
  categories: ['api-extensions'],
  hasGeneration: true,
  updatesUnconditionally: false,
  setDefaults: (configuration) =>
    withFields(configuration, {
      webhooks: mapList(configuration.webhooks, setWebhookDefaults),
    }),
  validate: ({ webhooks }) => validateWebhooks(webhooks),
  columns: webhookColumns(),
})
