/** `skedia heal`: mend what `cut` has cut. */
import { mendVerb } from '../faults/mend-verb.ts'

/** The verb. */
export const heal = mendVerb({ action: 'heal', done: 'is linked again' })
