/** `skedia cut`: a member whose links drop silently; see `faults/silent-network`. */
import { faultVerb } from '../faults/fault-verb.ts'

/** The verb. */
export const cut = faultVerb({
  action: 'cut',
  done: 'cut off: its links drop everything silently',
  mend: 'heal',
})
