/** ServiceAccount (v1): an identity for pods. */
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ServiceAccount } from '../types.ts'

/** The resource `serviceaccounts`. */
export const serviceAccounts = defineKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  resource: 'serviceaccounts',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.ServiceAccount',
  shortNames: ['sa'],
  subresources: [
    { name: 'token', verbs: ['create'], group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  ],
  columns: [
    nameColumn(),
    column('Secrets', 'Number of secrets.', ({ secrets }) => (secrets ?? []).length),
    ageColumn(),
  ],
})
