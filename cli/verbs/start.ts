/** `skedia start`: start what `kill` took down. */
import { mendVerb } from '../faults/mend-verb.ts'

/** The verb. */
export const start = mendVerb({ action: 'start', done: 'started' })
