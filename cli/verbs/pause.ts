/** `skedia pause`: SIGSTOP; a paused leader is the harder case, for its sockets stay open. */
import { faultVerb } from '../faults/fault-verb.ts'

/** The verb. */
export const pause = faultVerb({
  action: 'pause',
  done: 'paused with SIGSTOP: it holds its sockets and says nothing',
  mend: 'resume',
})
