/** IPAddress (networking.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { IPAddress } from '../types.ts'

/** The resource `ipaddresses`. */
export const ipAddresses = defineKind<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  resource: 'ipaddresses',
  namespaced: false,
  definition: 'io.k8s.api.networking.v1.IPAddress',
  shortNames: ['ip'],
  columns: nameAndAge(),
})
