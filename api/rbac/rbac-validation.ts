/**
 * Rules, subjects and role references: defaults, problems and columns that the four RBAC kinds share.
 *
 * Source: kubernetes pkg/apis/rbac/{v1/defaults,validation/validation}.go.
 */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, notSupported, required } from '../meta/field-error.ts'
import { deepEqual, mapList, trusted, withFields } from '../meta/json.ts'
import { dns1123SubdomainProblems, pathSegmentProblems } from '../meta/names.ts'
import type { ObjectMeta, PolicyRule, RbacV1Subject, RoleRef } from '../types.ts'

/** API group of roles, and of the users and groups that they are bound to. */
export const rbacGroup = 'rbac.authorization.k8s.io'

/** What both kinds of binding have. */
export interface BindingLike {
  readonly metadata: ObjectMeta
  readonly roleRef: RoleRef
  readonly subjects?: readonly RbacV1Subject[] | undefined
}

/** Problems of rules; `isCluster` allows URLs that belong to no resource. */
export function validateRules(rules: readonly PolicyRule[] | undefined, isCluster: boolean): FieldError[] {
  return (rules ?? []).flatMap((rule, index) => {
    const at = `rules[${index}]`
    const problems: FieldError[] = []
    const urls = rule.nonResourceURLs ?? []
    const hasResources =
      (rule.apiGroups ?? []).length + (rule.resources ?? []).length + (rule.resourceNames ?? []).length > 0
    if ((rule.verbs ?? []).length === 0)
      problems.push(required(`${at}.verbs`, 'verbs must contain at least one value'))
    if (urls.length > 0) {
      if (!isCluster)
        problems.push(
          invalidValue(`${at}.nonResourceURLs`, urls, 'namespaced rules cannot apply to non-resource URLs'),
        )
      if (hasResources)
        problems.push(
          invalidValue(
            `${at}.nonResourceURLs`,
            urls,
            'rules cannot apply to both regular resources and non-resource URLs',
          ),
        )
      return problems
    }
    if ((rule.apiGroups ?? []).length === 0)
      problems.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'))
    if ((rule.resources ?? []).length === 0)
      problems.push(required(`${at}.resources`, 'resource rules must supply at least one resource'))
    return problems
  })
}

function setSubjectDefaults(subject: RbacV1Subject): RbacV1Subject {
  const isNamed = subject.kind === 'User' || subject.kind === 'Group'
  return isNamed && (subject.apiGroup ?? '') === '' ? { ...subject, apiGroup: rbacGroup } : subject
}

/** API groups that a binding leaves out. */
export function setBindingDefaults<B extends BindingLike>(binding: B): B {
  const isUnset = (binding.roleRef?.apiGroup ?? '') === ''
  const next = withFields<BindingLike>(binding, {
    roleRef: isUnset ? { ...binding.roleRef, apiGroup: rbacGroup } : binding.roleRef,
    subjects: mapList(binding.subjects, setSubjectDefaults),
  })
  return trusted<B>(next)
}

function validateSubject(subject: RbacV1Subject, at: string, isNamespaced: boolean): FieldError[] {
  const problems: FieldError[] = []
  const name = subject.name ?? ''
  const group = subject.apiGroup ?? ''
  if (name === '') problems.push(required(`${at}.name`))
  switch (subject.kind) {
    case 'ServiceAccount':
      if (name !== '')
        problems.push(...dns1123SubdomainProblems(name).map((text) => invalidValue(`${at}.name`, name, text)))
      if (group !== '') problems.push(notSupported(`${at}.apiGroup`, group, ['']))
      if (!isNamespaced && (subject.namespace ?? '') === '') problems.push(required(`${at}.namespace`))
      return problems
    case 'User':
    case 'Group':
      if (group !== rbacGroup) problems.push(notSupported(`${at}.apiGroup`, group, [rbacGroup]))
      return problems
    default:
      return [
        ...problems,
        notSupported(`${at}.kind`, subject.kind ?? '', ['Group', 'ServiceAccount', 'User']),
      ]
  }
}

/** Problems of a binding; a namespaced one may refer to both kinds of role. */
export function validateBinding(binding: BindingLike, isNamespaced: boolean): FieldError[] {
  const problems: FieldError[] = []
  const reference: Partial<RoleRef> = binding.roleRef ?? {}
  const { apiGroup = '', kind = '', name = '' } = reference
  const kinds = isNamespaced ? ['ClusterRole', 'Role'] : ['ClusterRole']
  if (apiGroup !== rbacGroup) problems.push(notSupported('roleRef.apiGroup', apiGroup, [rbacGroup]))
  if (!kinds.includes(kind)) problems.push(notSupported('roleRef.kind', kind, kinds))
  if (name === '') problems.push(required('roleRef.name'))
  else problems.push(...pathSegmentProblems(name).map((text) => invalidValue('roleRef.name', name, text)))
  ;(binding.subjects ?? []).forEach((subject, index) => {
    problems.push(...validateSubject(subject, `subjects[${index}]`, isNamespaced))
  })
  return problems
}

/** A binding's role is fixed. */
export function validateBindingUpdate(next: BindingLike, previous: BindingLike): FieldError[] {
  if (deepEqual(next.roleRef, previous.roleRef)) return []
  return [invalidValue('roleRef', next.roleRef, 'cannot change roleRef')]
}

function subjectsText(kind: string): (binding: BindingLike) => string {
  return ({ subjects }) =>
    (subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name))
      .join(', ')
}

const wide = { wide: true }

/** Columns of both kinds of binding. */
export function bindingColumns<B extends BindingLike>(): readonly Column<B>[] {
  return [
    nameColumn(),
    column(
      'Role',
      'The role that is bound.',
      ({ roleRef }) => `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}`,
    ),
    ageColumn(),
    column('Users', 'Users who get it.', subjectsText('User'), wide),
    column('Groups', 'Groups that get it.', subjectsText('Group'), wide),
    column('ServiceAccounts', 'ServiceAccounts that get it.', subjectsText('ServiceAccount'), wide),
  ]
}
