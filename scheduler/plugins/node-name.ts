/** A pod that names its node fits only there. */
import type { Plugin } from '../framework/extension-points.ts'
import { unresolvable } from '../framework/rejection.ts'

const name = 'NodeName'

export function nodeName(): Plugin {
  return {
    name,
    hints: [{ resource: 'node', actions: ['add'] }],
    filter(_state, { pod }, node) {
      const wanted = pod.spec?.nodeName ?? ''
      if (wanted === '' || wanted === node.name) return undefined
      return unresolvable(name, "node(s) didn't match the requested node name")
    },
  }
}
