/** Reads records: from the change log while they are young, else from the backend, verified. */
import type { Backend } from './backend/backend.ts'
import { BackendError } from './errors.ts'
import type { RecordSource } from './mvcc/mvcc.ts'
import { checkRecord, placeKey, type RecordPlace } from './mvcc/record.ts'
import type { ChangeLog } from './watch/change-log.ts'

/** What to do about harmed data; the end of each such message. */
export const corruptRemedy =
  'This member stops rather than serve wrong data. Check the disk. If other members hold a quorum, they hold all ' +
  'acknowledged writes: remove this member from the cluster and add it anew with an empty data directory; else ' +
  'restore the directory from a copy.'

export interface RecordSourceOptions {
  /** Where the backend lies, for messages. */
  readonly path: string
  readonly backend: Backend
  readonly log: ChangeLog
  /** Harmed data ends the member. */
  readonly fatal: (error: Error) => void
}

export function recordSource(options: RecordSourceOptions): RecordSource {
  return (place) => {
    const young = options.log.recordAt(place)
    if (young) return young
    try {
      return readRecord(options.backend, place, options.path)
    } catch (error) {
      options.fatal(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }
}

/** A record, verified. @throws BackendError */
export function readRecord(from: Pick<Backend, 'get'>, place: RecordPlace, path: string): Uint8Array {
  const record = from.get(placeKey(place))
  const harm = record === undefined ? 'it is missing' : checkRecord(record, place)
  if (record === undefined || harm !== undefined) throw corruptRecord(place, path, harm ?? 'it is missing')
  return record
}

/** The error of a record that cannot be trusted. */
export function corruptRecord(place: RecordPlace, path: string, harm: string): BackendError {
  return new BackendError(
    'corrupt',
    `reading revision ${place.main}/${place.sub} from ${path}: ${harm}. ${corruptRemedy}`,
  )
}
