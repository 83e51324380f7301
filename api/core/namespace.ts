/**
 * Namespace (v1): a scope for names, which goes with all that it holds.
 *
 * Source: kubernetes pkg/registry/core/namespace/strategy.go, pkg/apis/core/v1/defaults.go.
 */
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import { withFields } from '../meta/json.ts'
import { defineKind, fullVerbs } from '../meta/kind-definition.ts'
import type { Namespace } from '../types.ts'

/** Label by which selectors find a namespace by its name. */
export const namespaceNameLabel = 'kubernetes.io/metadata.name'
/** Finalizer that the namespace controller removes when nothing is left inside. */
export const namespaceFinalizer = 'kubernetes'

function setDefaults(namespace: Namespace): Namespace {
  const { name = '', labels } = namespace.metadata
  if (name === '' || labels?.[namespaceNameLabel] === name) return namespace
  const metadata = { ...namespace.metadata, labels: { ...labels, [namespaceNameLabel]: name } }
  return { ...namespace, metadata }
}

function prepareForCreate(namespace: Namespace): Namespace {
  const finalizers = namespace.spec?.finalizers ?? []
  const all = finalizers.includes(namespaceFinalizer) ? finalizers : [...finalizers, namespaceFinalizer]
  return { ...namespace, spec: { ...namespace.spec, finalizers: all }, status: { phase: 'Active' } }
}

/** The resource `namespaces`. */
export const namespaces = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  resource: 'namespaces',
  namespaced: false,
  definition: 'io.k8s.api.core.v1.Namespace',
  shortNames: ['ns'],
  verbs: fullVerbs.filter((verb) => verb !== 'deletecollection'),
  nameFormat: 'label',
  hasStatus: true,
  subresources: [{ name: 'finalize', verbs: ['update'], group: '', version: 'v1', kind: 'Namespace' }],
  setDefaults,
  prepareForCreate,
  // Finalizers change only through /finalize.
  prepareForUpdate: (next, previous) => withFields(next, { spec: previous.spec }),
  columns: [
    nameColumn(),
    column('Status', 'The status of the namespace', ({ status }) => status?.phase ?? ''),
    ageColumn(),
  ],
  selectableFields: { 'status.phase': ({ status }) => status?.phase ?? '' },
})
