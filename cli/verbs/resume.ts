/** `skedia resume`: SIGCONT after `pause`. */
import { mendVerb } from '../faults/mend-verb.ts'

/** The verb. */
export const resume = mendVerb({ action: 'resume', done: 'goes on' })
