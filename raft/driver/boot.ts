/**
 * Brings the WAL and the state machine together at start. They are written apart, so after a crash either may
 * be ahead:
 *
 *   WAL      offset ├───────────────┤ last
 *   applied         ▲ within: usual; the rest is applied as it is committed
 *   applied                         ··▲ beyond the end: entries that were acknowledged are missing → refuse
 *   applied   ▲ before the offset: the state machine went back in time → refuse
 *   applied = marker: a snapshot was installed and the crash came before the log had begun anew → begin it there
 *
 * The hard state's commit index may lag behind `applied`: the higher one is right.
 */
import type { StateMachine } from '../state-machine.ts'
import { initialConfState } from '../conf-change.ts'
import type { Restored } from '../raw-node.ts'
import { freshlyRestored } from '../raw-node.ts'
import type { LogPosition, MemberId } from '../types.ts'
import type { RecoveredWal } from '../wal/recovery.ts'
import { WalError } from '../wal/recovery.ts'

/** What the core starts from. @throws WalError when WAL and state machine do not belong together */
export function reconcile(options: {
  readonly recovered: RecoveredWal | undefined
  readonly applied: ReturnType<StateMachine['applied']>
  readonly voters: readonly MemberId[]
  readonly directory: string
}): Restored {
  const { recovered, applied, voters, directory } = options
  const confState = applied.confState ?? initialConfState(voters)
  if (!recovered) {
    if (applied.index > 0) throw behind(directory, `has applied entry ${applied.index}, but there is no WAL`)
    return freshlyRestored(confState)
  }
  const { hardState, offset, entries, marker } = recovered
  const restored = { hardState, appliedIndex: applied.index, confState }
  if (termAt(recovered, applied) === applied.term) return { ...restored, offset, entries }
  if (marker && marker.index === applied.index && marker.term === applied.term) {
    return { ...restored, offset: marker, entries: [] }
  }
  const lastIndex = offset.index + entries.length
  if (applied.index > lastIndex) {
    throw behind(directory, `has applied entry ${applied.index}, but the WAL ends at ${lastIndex}`)
  }
  if (applied.index < offset.index) {
    throw behind(
      directory,
      `has applied only entry ${applied.index}, but the WAL begins after ${offset.index}`,
    )
  }
  throw behind(
    directory,
    `has applied entry ${applied.index} of term ${applied.term}, but the WAL has another term there`,
  )
}

function termAt(recovered: RecoveredWal, position: LogPosition): number | undefined {
  const { offset, entries } = recovered
  if (position.index === offset.index) return offset.term
  return entries[position.index - offset.index - 1]?.term
}

function behind(directory: string, what: string): WalError {
  return new WalError(
    'E_WAL_BEHIND',
    `cannot start with the WAL in ${directory}: the state machine ${what}. One of the two has lost data or comes ` +
      'from elsewhere; nothing was changed. Remove this member from the cluster and add it anew with an empty data ' +
      'directory, or restore both from the same copy.',
  )
}
