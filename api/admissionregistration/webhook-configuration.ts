/**
 * What both kinds of webhook configuration share: defaults, problems, columns.
 *
 * Source: kubernetes pkg/apis/admissionregistration/{v1/defaults,validation/validation}.go.
 */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { duplicate, invalidValue, notSupported, required } from '../meta/field-error.ts'
import { mapList, trusted, withDefaults, withFields } from '../meta/json.ts'
import { validateLabelSelector } from '../meta/label-selector-validation.ts'
import { qualifiedNameProblems } from '../meta/names.ts'
import type {
  MatchResources,
  MutatingWebhook,
  ObjectMeta,
  RuleWithOperations,
  ValidatingWebhook,
  WebhookClientConfig,
} from '../types.ts'

const timeoutSecondsMax = 30
const failurePolicies = ['Fail', 'Ignore']
const matchPolicies = ['Equivalent', 'Exact']
const sideEffects = ['None', 'NoneOnDryRun']
const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']

function setRuleDefaults<R extends RuleWithOperations>(rule: R): R {
  return trusted<R>(withDefaults<RuleWithOperations>(rule, { scope: '*' }))
}

/** Defaults of what a policy matches. */
export function setMatchDefaults(match: MatchResources): MatchResources {
  const base = withDefaults(match, { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} })
  return withFields(base, {
    resourceRules: mapList(base.resourceRules, setRuleDefaults),
    excludeResourceRules: mapList(base.excludeResourceRules, setRuleDefaults),
  })
}

function setClientDefaults(client: WebhookClientConfig): WebhookClientConfig {
  return client.service === undefined
    ? client
    : withFields(client, { service: withDefaults(client.service, { port: 443 }) })
}

/** Defaults of one webhook. */
export function setWebhookDefaults<W extends ValidatingWebhook | MutatingWebhook>(webhook: W): W {
  const base = withDefaults<ValidatingWebhook>(webhook, {
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    timeoutSeconds: 10,
  })
  const next = withFields(base, {
    clientConfig: setClientDefaults(base.clientConfig ?? {}),
    rules: mapList(base.rules, setRuleDefaults),
  })
  return trusted<W>(next)
}

/** Problems of what a rule asks for. */
export function validateRule(rule: RuleWithOperations, at: string): FieldError[] {
  const problems: FieldError[] = []
  for (const field of ['operations', 'apiGroups', 'apiVersions', 'resources'] as const) {
    if ((rule[field] ?? []).length === 0) problems.push(required(`${at}.${field}`))
  }
  ;(rule.operations ?? []).forEach((operation, index) => {
    if (!operations.includes(operation))
      problems.push(notSupported(`${at}.operations[${index}]`, operation, operations))
  })
  return problems
}

function validateClient(client: WebhookClientConfig | undefined, at: string): FieldError[] {
  const { url, service } = client ?? {}
  if ((url === undefined) === (service === undefined))
    return [required(at, 'exactly one of url or service is required')]
  if (url !== undefined && !url.startsWith('https://')) {
    return [invalidValue(`${at}.url`, url, "'https' is the only allowed URL scheme")]
  }
  if (service === undefined) return []
  const missing = (['name', 'namespace'] as const).filter((field) => (service[field] ?? '') === '')
  return missing.map((field) => required(`${at}.service.${field}`))
}

function supported(value: string | undefined, values: readonly string[], field: string): FieldError[] {
  return values.includes(value ?? '') ? [] : [notSupported(field, value ?? '', values)]
}

function validateWebhook(webhook: ValidatingWebhook, at: string): FieldError[] {
  const name = webhook.name ?? ''
  const problems = qualifiedNameProblems(name).map((text) => invalidValue(`${at}.name`, name, text))
  if (name.split('.').length < 3) {
    problems.push(
      invalidValue(`${at}.name`, name, 'should be a domain with at least three segments separated by dots'),
    )
  }
  if ((webhook.admissionReviewVersions ?? []).length === 0) {
    problems.push(required(`${at}.admissionReviewVersions`, 'must specify one of v1, v1beta1'))
  } else if (!webhook.admissionReviewVersions.some((version) => version === 'v1' || version === 'v1beta1')) {
    problems.push(
      invalidValue(
        `${at}.admissionReviewVersions`,
        webhook.admissionReviewVersions,
        'must include at least one of v1, v1beta1',
      ),
    )
  }
  const seconds = webhook.timeoutSeconds
  if (seconds !== undefined && (seconds < 1 || seconds > timeoutSecondsMax)) {
    problems.push(
      invalidValue(
        `${at}.timeoutSeconds`,
        seconds,
        `the timeout value must be between 1 and ${timeoutSecondsMax} seconds`,
      ),
    )
  }
  return [
    ...problems,
    ...(webhook.rules ?? []).flatMap((rule, index) => validateRule(rule, `${at}.rules[${index}]`)),
    ...supported(webhook.failurePolicy, failurePolicies, `${at}.failurePolicy`),
    ...supported(webhook.matchPolicy, matchPolicies, `${at}.matchPolicy`),
    ...(webhook.sideEffects === undefined
      ? [required(`${at}.sideEffects`, 'must specify one of None, NoneOnDryRun')]
      : supported(webhook.sideEffects, sideEffects, `${at}.sideEffects`)),
    ...validateClient(webhook.clientConfig, `${at}.clientConfig`),
    ...validateLabelSelector(webhook.namespaceSelector, `${at}.namespaceSelector`),
    ...validateLabelSelector(webhook.objectSelector, `${at}.objectSelector`),
  ]
}

/** Problems of a configuration's webhooks. */
export function validateWebhooks(webhooks: readonly ValidatingWebhook[] | undefined): FieldError[] {
  const seen = new Set<string>()
  return (webhooks ?? []).flatMap((webhook, index) => {
    const at = `webhooks[${index}]`
    const twice = seen.has(webhook.name) ? [duplicate(`${at}.name`, webhook.name)] : []
    seen.add(webhook.name)
    return [...validateWebhook(webhook, at), ...twice]
  })
}

interface Configuration {
  readonly metadata: ObjectMeta
  readonly webhooks?: readonly unknown[] | undefined
}

/** Columns of both kinds. */
export function webhookColumns<C extends Configuration>(): readonly Column<C>[] {
  return [
    nameColumn(),
    column('Webhooks', 'Number of webhooks.', ({ webhooks }) => (webhooks ?? []).length, { type: 'integer' }),
    ageColumn(),
  ]
}
