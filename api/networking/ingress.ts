/**
 * Ingress (networking.k8s.io/v1): HTTP routes from outside to Services.
 *
 * Source: kubernetes pkg/apis/networking/validation/validation.go, printers.go (printIngress).
 */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, none } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { dns1035LabelProblems, dns1123SubdomainProblems, portNumberProblems } from '../meta/names.ts'
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule } from '../types.ts'

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix']

function validateBackend(backend: IngressBackend | undefined, at: string): FieldError[] {
  const { service, resource } = backend ?? {}
  if (service !== undefined && resource !== undefined) {
    return [invalidValue(at, '', 'cannot set both resource and service backends')]
  }
  if (service === undefined)
    return resource === undefined ? [required(at, 'resource or service backend is required')] : []
  const problems: FieldError[] = []
  const name = service.name ?? ''
  const { name: portName = '', number = 0 } = service.port ?? {}
  if (name === '') problems.push(required(`${at}.service.name`))
  else
    problems.push(...dns1035LabelProblems(name).map((text) => invalidValue(`${at}.service.name`, name, text)))
  if (portName !== '' && number !== 0)
    problems.push(invalidValue(at, '', 'cannot set both port name & port number'))
  else if (portName === '' && number === 0) problems.push(required(at, 'port name or number is required'))
  else if (number !== 0)
    problems.push(
      ...portNumberProblems(number).map((text) => invalidValue(`${at}.service.port.number`, number, text)),
    )
  return problems
}

function validatePath(path: HTTPIngressPath, at: string): FieldError[] {
  const problems: FieldError[] = []
  const type = path.pathType ?? ''
  if (type === '') problems.push(required(`${at}.pathType`, 'pathType must be specified'))
  else if (!pathTypes.includes(type)) problems.push(notSupported(`${at}.pathType`, type, pathTypes))
  const text = path.path ?? ''
  if (type !== 'ImplementationSpecific' && !text.startsWith('/')) {
    problems.push(invalidValue(`${at}.path`, text, 'must be an absolute path'))
  }
  return [...problems, ...validateBackend(path.backend, `${at}.backend`)]
}

function validateRule(rule: IngressRule, at: string): FieldError[] {
  const host = rule.host ?? ''
  const problems =
    host === ''
      ? []
      : dns1123SubdomainProblems(host.replace(/^\*\./, '')).map((text) =>
          invalidValue(`${at}.host`, host, text),
        )
  if (rule.http === undefined) return problems
  const paths = rule.http.paths ?? []
  if (paths.length === 0) problems.push(required(`${at}.http.paths`))
  return [...problems, ...paths.flatMap((path, index) => validatePath(path, `${at}.http.paths[${index}]`))]
}

function validate({ spec }: Ingress): readonly FieldError[] {
  const problems: FieldError[] = []
  const rules = spec?.rules ?? []
  if (rules.length === 0 && spec?.defaultBackend === undefined) {
    problems.push(invalidValue('spec', [], 'either `defaultBackend` or `rules` must be specified'))
  }
  if (spec?.defaultBackend !== undefined)
    problems.push(...validateBackend(spec.defaultBackend, 'spec.defaultBackend'))
  const name = spec?.ingressClassName
  if (name !== undefined)
    problems.push(
      ...dns1123SubdomainProblems(name).map((text) => invalidValue('spec.ingressClassName', name, text)),
    )
  return [...problems, ...rules.flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`))]
}

function validateCreate(ingress: Ingress): readonly FieldError[] {
  const annotation = ingress.metadata.annotations?.['kubernetes.io/ingress.class']
  const both = annotation !== undefined && ingress.spec?.ingressClassName !== undefined
  const field = 'annotations.kubernetes.io/ingress.class'
  return both
    ? [...validate(ingress), forbiddenField(field, 'can not be set when the class field is also set')]
    : validate(ingress)
}

function addressText({ status }: Ingress): string {
  return (status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip || entry.hostname || '').join(',')
}

function hostsText({ spec }: Ingress): string {
  const hosts = (spec?.rules ?? []).map((rule) => rule.host ?? '').filter((host) => host !== '')
  return hosts.length > 3
    ? `${hosts.slice(0, 3).join(',')} + ${hosts.length - 3} more...`
    : hosts.join(',') || '*'
}

const columns: readonly Column<Ingress>[] = [
  nameColumn(),
  column(
    'Class',
    'Who serves it.',
    ({ spec, metadata }) =>
      spec?.ingressClassName ?? metadata?.annotations?.['kubernetes.io/ingress.class'] ?? none,
  ),
  column('Hosts', 'Hosts that it answers for.', hostsText),
  column('Address', 'Where it is reached.', addressText),
  column('Ports', 'Ports that it listens on.', ({ spec }) =>
    (spec?.tls ?? []).length > 0 ? '80, 443' : '80',
  ),
  ageColumn(),
]

/** The resource `ingresses`. */
export const ingresses = defineKind<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  resource: 'ingresses',
  namespaced: true,
  definition: 'io.k8s.api.networking.v1.Ingress',
  shortNames: ['ing'],
  storagePath: 'ingress',
  hasStatus: true,
  hasGeneration: true,
  validate: validateCreate,
  columns,
})
