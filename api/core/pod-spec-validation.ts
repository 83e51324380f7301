/**
 * Problems of a pod spec, and of the template around it.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePodSpec, ValidatePodTemplateSpec).
 */
import type { FieldError } from '../meta/field-error.ts'
import { duplicate, invalidValue, notSupported, required } from '../meta/field-error.ts'
import { annotationProblems, labelProblems } from '../meta/labels.ts'
import { dns1123LabelProblems, dns1123SubdomainProblems, qualifiedNameProblems } from '../meta/names.ts'
import { matchesLabels, tryLabelSelectorFrom } from '../meta/selector.ts'
import type { Container, LabelSelector, PodSpec, PodTemplateSpec } from '../types.ts'
import { validateContainer, validateHostPorts, validateResources } from './container-validation.ts'
import { validateAffinity, validateTolerations, validateTopologySpread } from './scheduling-validation.ts'
import { validateVolumes } from './volume-validation.ts'

const restartPolicies = ['Always', 'Never', 'OnFailure']
const dnsPolicies = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']
const initProbesText = 'may not be set for init containers without restartPolicy=Always'
const deadlineMax = 2 ** 31 - 1

function nameIn(value: string | undefined, field: string, check: (text: string) => string[]): FieldError[] {
  if (value === undefined || value === '') return []
  return check(value).map((text) => invalidValue(field, value, text))
}

function validateContainers(spec: PodSpec, field: string): FieldError[] {
  const problems: FieldError[] = []
  const names = new Set<string>()
  const containers = spec.containers ?? []
  const checkName = (name: string | undefined, at: string) => {
    if (name === undefined) return
    if (names.has(name)) problems.push(duplicate(`${at}.name`, name))
    names.add(name)
  }
  if (containers.length === 0) problems.push(required(`${field}.containers`))
  containers.forEach((container, index) => {
    const at = `${field}.containers[${index}]`
    checkName(container.name, at)
    problems.push(...validateContainer(container, at, { volumes: spec.volumes, probesForbidden: undefined }))
  })
  problems.push(...validateHostPorts(containers, `${field}.containers`))
  ;(spec.initContainers ?? []).forEach((container, index) => {
    const at = `${field}.initContainers[${index}]`
    checkName(container.name, at)
    problems.push(...initPolicyProblems(container, at))
    const probesForbidden = container.restartPolicy === 'Always' ? undefined : initProbesText
    problems.push(...validateContainer(container, at, { volumes: spec.volumes, probesForbidden }))
  })
  ;(spec.ephemeralContainers ?? []).forEach((container, index) => {
    const at = `${field}.ephemeralContainers[${index}]`
    checkName(container.name, at)
    problems.push(
      ...validateContainer(container, at, {
        volumes: spec.volumes,
        probesForbidden: 'cannot be set for an Ephemeral Container',
      }),
    )
  })
  return problems
}

function initPolicyProblems(container: Container, at: string): FieldError[] {
  if (container.restartPolicy === undefined || container.restartPolicy === 'Always') return []
  return [notSupported(`${at}.restartPolicy`, container.restartPolicy, ['Always'])]
}

function validateNumbers(spec: PodSpec, field: string): FieldError[] {
  const problems: FieldError[] = []
  const deadline = spec.activeDeadlineSeconds
  if (deadline !== undefined && (deadline < 1 || deadline > deadlineMax)) {
    problems.push(
      invalidValue(
        `${field}.activeDeadlineSeconds`,
        deadline,
        `must be between 1 and ${deadlineMax}, inclusive`,
      ),
    )
  }
  const grace = spec.terminationGracePeriodSeconds
  if (grace === undefined) problems.push(required(`${field}.terminationGracePeriodSeconds`))
  else if (grace < 0)
    problems.push(
      invalidValue(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than or equal to 0'),
    )
  return problems
}

function validateSecurity(spec: PodSpec, field: string): FieldError[] {
  const context = spec.securityContext ?? {}
  const problems: FieldError[] = []
  for (const name of ['runAsUser', 'runAsGroup', 'fsGroup'] as const) {
    const id = context[name]
    if (id !== undefined && (id < 0 || id > deadlineMax)) {
      problems.push(
        invalidValue(
          `${field}.securityContext.${name}`,
          id,
          `must be between 0 and ${deadlineMax}, inclusive`,
        ),
      )
    }
  }
  ;(context.supplementalGroups ?? []).forEach((id, index) => {
    if (id < 0 || id > deadlineMax) {
      problems.push(
        invalidValue(
          `${field}.securityContext.supplementalGroups[${index}]`,
          id,
          `must be between 0 and ${deadlineMax}, inclusive`,
        ),
      )
    }
  })
  return problems
}

function validateGates(spec: PodSpec, field: string): FieldError[] {
  const seen = new Set<string>()
  const problems: FieldError[] = []
  ;(spec.schedulingGates ?? []).forEach((gate, index) => {
    const at = `${field}.schedulingGates[${index}]`
    for (const text of qualifiedNameProblems(gate.name ?? ''))
      problems.push(invalidValue(at, gate.name, text))
    if (seen.has(gate.name)) problems.push(duplicate(at, gate.name))
    seen.add(gate.name)
  })
  ;(spec.readinessGates ?? []).forEach((gate, index) => {
    for (const text of qualifiedNameProblems(gate.conditionType ?? '')) {
      problems.push(invalidValue(`${field}.readinessGates[${index}].conditionType`, gate.conditionType, text))
    }
  })
  return problems
}

/** Problems of a pod spec after defaulting. */
export function validatePodSpec(spec: PodSpec | undefined, field: string): FieldError[] {
  if (spec === undefined) return [required(`${field}.containers`)]
  const problems = [...validateVolumes(spec.volumes, `${field}.volumes`), ...validateContainers(spec, field)]
  const restartPolicy = spec.restartPolicy ?? ''
  const dnsPolicy = spec.dnsPolicy ?? ''
  if (restartPolicy === '') problems.push(required(`${field}.restartPolicy`))
  else if (!restartPolicies.includes(restartPolicy))
    problems.push(notSupported(`${field}.restartPolicy`, restartPolicy, restartPolicies))
  if (dnsPolicy === '') problems.push(required(`${field}.dnsPolicy`))
  else if (!dnsPolicies.includes(dnsPolicy))
    problems.push(notSupported(`${field}.dnsPolicy`, dnsPolicy, dnsPolicies))
  return [
    ...problems,
    ...validateNumbers(spec, field),
    ...labelProblems(spec.nodeSelector, `${field}.nodeSelector`),
    ...validateSecurity(spec, field),
    ...validateResources(spec.resources, `${field}.resources`),
    ...nameIn(spec.serviceAccountName, `${field}.serviceAccountName`, dns1123SubdomainProblems),
    ...nameIn(spec.nodeName, `${field}.nodeName`, dns1123SubdomainProblems),
    ...nameIn(spec.hostname, `${field}.hostname`, dns1123LabelProblems),
    ...nameIn(spec.subdomain, `${field}.subdomain`, dns1123LabelProblems),
    ...nameIn(spec.priorityClassName, `${field}.priorityClassName`, dns1123SubdomainProblems),
    ...nameIn(spec.runtimeClassName, `${field}.runtimeClassName`, dns1123SubdomainProblems),
    ...nameIn(spec.schedulerName, `${field}.schedulerName`, qualifiedNameProblems),
    ...validateAffinity(spec.affinity, `${field}.affinity`),
    ...validateTolerations(spec.tolerations, `${field}.tolerations`),
    ...validateTopologySpread(spec.topologySpreadConstraints, `${field}.topologySpreadConstraints`),
    ...validateGates(spec, field),
  ]
}

/** Problems of a pod template. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, field: string): FieldError[] {
  return [
    ...labelProblems(template?.metadata?.labels, `${field}.labels`),
    ...annotationProblems(template?.metadata?.annotations, `${field}.annotations`),
    ...validatePodSpec(template?.spec, `${field}.spec`),
  ]
}

/** Problems of a template whose pods a controller keeps up: it must match the selector and always restart. */
export function validateWorkloadTemplate(
  template: PodTemplateSpec | undefined,
  selector: LabelSelector,
  field: string,
): FieldError[] {
  const problems: FieldError[] = []
  const labels = template?.metadata?.labels
  const compiled = tryLabelSelectorFrom(selector)
  // A malformed selector is told of by who holds it.
  if (compiled !== undefined && !matchesLabels(compiled, labels)) {
    problems.push(
      invalidValue(`${field}.metadata.labels`, labels ?? null, '`selector` does not match template `labels`'),
    )
  }
  problems.push(...validatePodTemplate(template, field))
  const policy = template?.spec?.restartPolicy
  if (policy !== undefined && policy !== 'Always' && restartPolicies.includes(policy)) {
    problems.push(notSupported(`${field}.spec.restartPolicy`, policy, ['Always']))
  }
  if (template?.spec?.activeDeadlineSeconds !== undefined) {
    problems.push({
      type: 'FieldValueForbidden',
      field: `${field}.spec.activeDeadlineSeconds`,
      message: 'Forbidden: activeDeadlineSeconds in pod template is not supported by this workload',
    })
  }
  return problems
}
