/** A plugin's surroundings, with nothing in them but what a test puts there. */
import { nothing } from '../../api/meta/selector.ts'
import { silentLog } from '../../platform/log.ts'
import { seededRandom } from '../../platform/random.ts'
import { TaskGroup } from '../../platform/tasks.ts'
import { emptySnapshot } from '../cache/snapshot.ts'
import type { Handle } from '../framework/handle.ts'
import { Nominator } from '../queue/nominator.ts'
import { ManualClock } from './manual-clock.ts'

export function fakeHandle(parts: Partial<Handle>): Handle {
  return {
    snapshot: () => emptySnapshot,
    podNow: (pod) => pod.pod,
    filters: { filter: () => undefined, filterWithNominated: () => undefined, adjust: () => {} },
    nominator: new Nominator(),
    listers: {
      disruptionBudgets: () => [],
      defaultSelector: () => nothing,
      namespaceLabels: () => undefined,
    },
    api: {
      bind: async () => {},
      get: (pod) => Promise.resolve(pod.pod),
      patchStatus: async () => {},
      remove: async () => {},
      event: () => {},
    },
    activate: () => {},
    clock: new ManualClock(),
    random: seededRandom(1n),
    log: silentLog,
    tasks: new TaskGroup(() => {}),
    ...parts,
  }
}
