/** Holds a pod back while `spec.schedulingGates` has entries. Source: KEP-3521. */
import type { Plugin } from '../framework/extension-points.ts'
import { unresolvable } from '../framework/rejection.ts'

const name = 'SchedulingGates'

export function schedulingGates(): Plugin {
  return {
    name,
    hints: [
      {
        resource: 'ownPod',
        actions: ['updateGates'],
        isWorthTrying: (pod) => (pod.pod.spec?.schedulingGates?.length ?? 0) === 0,
      },
    ],
    preEnqueue(pod) {
      const gates = pod.pod.spec?.schedulingGates ?? []
      if (gates.length === 0) return undefined
      return unresolvable(name, `waiting for scheduling gates: [${gates.map((gate) => gate.name).join(' ')}]`)
    },
  }
}
