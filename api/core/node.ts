/**
 * Node (v1): a machine that runs pods.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateNode*), printers.go (printNode).
 */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, none, unknownText } from '../meta/columns.ts'
import { findCondition } from '../meta/conditions.ts'
import type { FieldError } from '../meta/field-error.ts'
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts'
import { deepEqual, withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { labelValueProblems, qualifiedNameProblems } from '../meta/names.ts'
import type { Node, Taint } from '../types.ts'

const effects = ['NoExecute', 'NoSchedule', 'PreferNoSchedule']
const rolePrefix = 'node-role.kubernetes.io/'

/** Capacity that nobody restricts is allocatable whole. */
function setDefaults(node: Node): Node {
  if (node.status?.capacity === undefined) return node
  return withFields(node, { status: withDefaults(node.status, { allocatable: node.status.capacity }) })
}

function validateTaints(taints: readonly Taint[] | undefined): FieldError[] {
  const seen = new Set<string>()
  return (taints ?? []).flatMap((taint, index) => {
    const at = `spec.taints[${index}]`
    const problems = qualifiedNameProblems(taint.key ?? '').map((text) =>
      invalidValue(`${at}.key`, taint.key, text),
    )
    for (const text of labelValueProblems(taint.value ?? ''))
      problems.push(invalidValue(`${at}.value`, taint.value, text))
    if ((taint.effect ?? '') === '') problems.push(required(`${at}.effect`))
    else if (!effects.includes(taint.effect))
      problems.push(notSupported(`${at}.effect`, taint.effect, effects))
    const key = `${taint.key}:${taint.effect}`
    if (seen.has(key)) problems.push(duplicate(at, key))
    seen.add(key)
    return problems
  })
}

function validateUpdate(next: Node, previous: Node): readonly FieldError[] {
  const problems: FieldError[] = []
  const before = previous.spec?.podCIDRs ?? []
  if (before.length > 0 && !deepEqual(before, next.spec?.podCIDRs ?? [])) {
    problems.push(
      forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'),
    )
  }
  const providerId = previous.spec?.providerID ?? ''
  if (providerId !== '' && providerId !== (next.spec?.providerID ?? '')) {
    problems.push(
      forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'),
    )
  }
  return problems
}

function statusText({ spec, status }: Node): string {
  const ready = findCondition(status?.conditions, 'Ready')
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return spec?.unschedulable === true ? `${text},SchedulingDisabled` : text
}

function rolesText({ metadata }: Node): string {
  const roles = Object.entries(metadata?.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) return [key.slice(rolePrefix.length)]
    return key === 'kubernetes.io/role' && value !== '' ? [value] : []
  })
  return [...new Set(roles)].sort().join(',') || none
}

function addressText(type: string): (node: Node) => string {
  return ({ status }) => status?.addresses?.find((address) => address.type === type)?.address ?? none
}

const wide = { wide: true }

const columns: readonly Column<Node>[] = [
  nameColumn(),
  column('Status', 'The status of the node', statusText),
  column('Roles', 'The roles of the node', rolesText),
  ageColumn(),
  column(
    'Version',
    'Kubelet Version reported by the node.',
    ({ status }) => status?.nodeInfo?.kubeletVersion ?? '',
  ),
  column('Internal-IP', 'Address inside the cluster.', addressText('InternalIP'), wide),
  column('External-IP', 'Address outside the cluster.', addressText('ExternalIP'), wide),
  column(
    'OS-Image',
    'Operating system of the node.',
    ({ status }) => status?.nodeInfo?.osImage || unknownText,
    wide,
  ),
  column(
    'Kernel-Version',
    'Kernel of the node.',
    ({ status }) => status?.nodeInfo?.kernelVersion || unknownText,
    wide,
  ),
  column(
    'Container-Runtime',
    'What runs its containers.',
    ({ status }) => status?.nodeInfo?.containerRuntimeVersion || unknownText,
    wide,
  ),
]

/** The resource `nodes`. */
export const nodes = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  resource: 'nodes',
  namespaced: false,
  definition: 'io.k8s.api.core.v1.Node',
  shortNames: ['no'],
  storagePath: 'minions',
  hasStatus: true,
  subresources: [
    {
      name: 'proxy',
      verbs: ['create', 'delete', 'get', 'patch', 'update'],
      group: '',
      version: 'v1',
      kind: 'NodeProxyOptions',
    },
  ],
  setDefaults,
  // A kubelet registers its node together with the status.
  prepareForCreate: (node) => node,
  validate: ({ spec }) => validateTaints(spec?.taints),
  validateUpdate,
  columns,
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },
})
