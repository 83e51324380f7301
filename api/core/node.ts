/** Node (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Node } from '../types.ts'

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
  columns: nameAndAge(),
})
