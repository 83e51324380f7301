/** Pod (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Pod } from '../types.ts'

/** The resource `pods`. */
export const pods = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  resource: 'pods',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.Pod',
  shortNames: ['po'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  subresources: [
    { name: 'attach', verbs: ['create', 'get'], group: '', version: 'v1', kind: 'PodAttachOptions' },
    { name: 'binding', verbs: ['create'], group: '', version: 'v1', kind: 'Binding' },
    { name: 'ephemeralcontainers', verbs: ['get', 'patch', 'update'], group: '', version: 'v1', kind: 'Pod' },
    { name: 'eviction', verbs: ['create'], group: 'policy', version: 'v1', kind: 'Eviction' },
    { name: 'exec', verbs: ['create', 'get'], group: '', version: 'v1', kind: 'PodExecOptions' },
    { name: 'log', verbs: ['get'], group: '', version: 'v1', kind: 'Pod' },
    {
      name: 'portforward',
      verbs: ['create', 'get'],
      group: '',
      version: 'v1',
      kind: 'PodPortForwardOptions',
    },
    {
      name: 'proxy',
      verbs: ['create', 'delete', 'get', 'patch', 'update'],
      group: '',
      version: 'v1',
      kind: 'PodProxyOptions',
    },
    { name: 'resize', verbs: ['get', 'patch', 'update'], group: '', version: 'v1', kind: 'Pod' },
  ],
  columns: nameAndAge(),
})
