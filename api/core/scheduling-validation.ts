/**
 * Problems of what a pod says about where it may run: tolerations, affinity, topology spread.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go.
 */
import type { FieldError } from '../meta/field-error.ts'
import { forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts'
import { validateLabelSelector } from '../meta/label-selector-validation.ts'
import { labelValueProblems, qualifiedNameProblems } from '../meta/names.ts'
import type {
  Affinity,
  NodeAffinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
  WeightedPodAffinityTerm,
} from '../types.ts'

const effects = ['NoExecute', 'NoSchedule', 'PreferNoSchedule']
const nodeOperators = ['DoesNotExist', 'Exists', 'Gt', 'In', 'Lt', 'NotIn']
const spreadActions = ['DoNotSchedule', 'ScheduleAnyway']

/** Problems of tolerations. */
export function validateTolerations(
  tolerations: readonly Toleration[] | undefined,
  field: string,
): FieldError[] {
  return (tolerations ?? []).flatMap((toleration, index) => {
    const at = `${field}[${index}]`
    const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration
    const problems: FieldError[] = []
    if (key !== '')
      problems.push(...qualifiedNameProblems(key).map((text) => invalidValue(`${at}.key`, key, text)))
    else if (operator !== 'Exists') {
      problems.push(
        invalidValue(
          `${at}.operator`,
          operator,
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      )
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      problems.push(
        invalidValue(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"),
      )
    }
    if (operator === '' || operator === 'Equal') {
      problems.push(...labelValueProblems(value).map((text) => invalidValue(`${at}.operator`, value, text)))
    } else if (operator === 'Exists') {
      if (value !== '')
        problems.push(
          invalidValue(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"),
        )
    } else problems.push(notSupported(`${at}.operator`, operator, ['Equal', 'Exists']))
    if (effect !== '' && !effects.includes(effect))
      problems.push(notSupported(`${at}.effect`, effect, effects))
    return problems
  })
}

function validateRequirement(requirement: NodeSelectorRequirement, at: string): FieldError[] {
  const values = requirement.values ?? []
  const problems = qualifiedNameProblems(requirement.key ?? '').map((text) =>
    invalidValue(`${at}.key`, requirement.key, text),
  )
  switch (requirement.operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0)
        problems.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
      return problems
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0)
        problems.push(
          forbiddenField(
            `${at}.values`,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
          ),
        )
      return problems
    case 'Gt':
    case 'Lt':
      if (values.length !== 1)
        problems.push(
          required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
        )
      return problems
    default:
      return [...problems, notSupported(`${at}.operator`, requirement.operator, nodeOperators)]
  }
}

/** Problems of one term of a node selector. */
function validateNodeSelectorTerm(term: NodeSelectorTerm, at: string): FieldError[] {
  const fields = (term.matchFields ?? []).flatMap((requirement, index) =>
    requirement.key === 'metadata.name'
      ? validateRequirement(requirement, `${at}.matchFields[${index}]`)
      : [notSupported(`${at}.matchFields[${index}].key`, requirement.key, ['metadata.name'])],
  )
  const expressions = (term.matchExpressions ?? []).flatMap((requirement, index) =>
    validateRequirement(requirement, `${at}.matchExpressions[${index}]`),
  )
  return [...expressions, ...fields]
}

function validateNodeAffinity(affinity: NodeAffinity, at: string): FieldError[] {
  const problems: FieldError[] = []
  const requiredTerms = affinity.requiredDuringSchedulingIgnoredDuringExecution
  if (requiredTerms !== undefined) {
    const terms = `${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`
    const list = requiredTerms.nodeSelectorTerms ?? []
    if (list.length === 0) problems.push(required(terms, 'must have at least one node selector term'))
    list.forEach((term, index) => problems.push(...validateNodeSelectorTerm(term, `${terms}[${index}]`)))
  }
  ;(affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).forEach((term, index) => {
    const item = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`
    problems.push(
      ...weightProblems(term.weight, item),
      ...validateNodeSelectorTerm(term.preference ?? {}, `${item}.preference`),
    )
  })
  return problems
}

function weightProblems(weight: number | undefined, at: string): FieldError[] {
  if (weight !== undefined && weight > 0 && weight <= 100) return []
  return [invalidValue(`${at}.weight`, weight ?? 0, 'must be in the range 1-100')]
}

function validatePodAffinityTerm(term: PodAffinityTerm | undefined, at: string): FieldError[] {
  const key = term?.topologyKey ?? ''
  const own =
    key === ''
      ? [required(`${at}.topologyKey`, 'can not be empty')]
      : qualifiedNameProblems(key).map((text) => invalidValue(`${at}.topologyKey`, key, text))
  return [
    ...own,
    ...validateLabelSelector(term?.labelSelector, `${at}.labelSelector`),
    ...validateLabelSelector(term?.namespaceSelector, `${at}.namespaceSelector`),
  ]
}

interface PodAffinityLike {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[] | undefined
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly WeightedPodAffinityTerm[] | undefined
}

function validatePodAffinity(affinity: PodAffinityLike | undefined, at: string): FieldError[] {
  const hard = (affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, index) =>
    validatePodAffinityTerm(term, `${at}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`),
  )
  const soft = (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, index) => {
    const item = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`
    return [
      ...weightProblems(term.weight, item),
      ...validatePodAffinityTerm(term.podAffinityTerm, `${item}.podAffinityTerm`),
    ]
  })
  return [...hard, ...soft]
}

/** Problems of a pod's affinity. */
export function validateAffinity(affinity: Affinity | undefined, field: string): FieldError[] {
  return [
    ...(affinity?.nodeAffinity === undefined
      ? []
      : validateNodeAffinity(affinity.nodeAffinity, `${field}.nodeAffinity`)),
    ...validatePodAffinity(affinity?.podAffinity, `${field}.podAffinity`),
    ...validatePodAffinity(affinity?.podAntiAffinity, `${field}.podAntiAffinity`),
  ]
}

/** Problems of topology spread constraints. */
export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  field: string,
): FieldError[] {
  return (constraints ?? []).flatMap((constraint, index) => {
    const at = `${field}[${index}]`
    const problems: FieldError[] = []
    if ((constraint.maxSkew ?? 0) <= 0)
      problems.push(invalidValue(`${at}.maxSkew`, constraint.maxSkew ?? 0, 'must be greater than zero'))
    if ((constraint.topologyKey ?? '') === '')
      problems.push(required(`${at}.topologyKey`, 'can not be empty'))
    if (!spreadActions.includes(constraint.whenUnsatisfiable ?? '')) {
      problems.push(
        notSupported(`${at}.whenUnsatisfiable`, constraint.whenUnsatisfiable ?? '', spreadActions),
      )
    }
    if (constraint.minDomains !== undefined && constraint.minDomains <= 0) {
      problems.push(invalidValue(`${at}.minDomains`, constraint.minDomains, 'must be greater than zero'))
    }
    return [...problems, ...validateLabelSelector(constraint.labelSelector, `${at}.labelSelector`)]
  })
}
