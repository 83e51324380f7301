/** `skedia kill`: kill -9; it stays down until `skedia start`. */
import { faultVerb } from '../faults/fault-verb.ts'

/** The verb. */
export const kill = faultVerb({ action: 'kill', done: 'killed with SIGKILL', mend: 'start' })
