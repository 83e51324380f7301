/** MutatingWebhookConfiguration (admissionregistration.k8s.io/v1): servers that may change what is written. */
import { mapList, withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { MutatingWebhookConfiguration } from '../types.ts'
import { setWebhookDefaults, validateWebhooks, webhookColumns } from './webhook-configuration.ts'

/** The resource `mutatingwebhookconfigurations`. */
export const mutatingWebhookConfigurations = defineKind<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  resource: 'mutatingwebhookconfigurations',
  namespaced: false,
  definition: 'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration',
  categories: ['api-extensions'],
  hasGeneration: true,
  updatesUnconditionally: false,
  setDefaults: (configuration) =>
    withFields(configuration, {
      webhooks: mapList(configuration.webhooks, (webhook) =>
        withDefaults(setWebhookDefaults(webhook), { reinvocationPolicy: 'Never' }),
      ),
    }),
  validate: ({ webhooks }) => validateWebhooks(webhooks),
  columns: webhookColumns(),
})
