/**
 * Opens a member's state: back to the last checkpoint, the index rebuilt from the records in revision
 * order, every record's checksum verified. Later records are left where they are: the replay of the WAL
 * writes the same bytes to the same keys again.
 */
import type { Backend } from './backend/backend.ts'
import { StoreState } from './apply.ts'
import {
  type CheckpointFile,
  checkpointPath,
  readCheckpointFile,
  writeCheckpointFile,
} from './checkpoint-file.ts'
import { BackendError } from './errors.ts'
import { checkRecord, placeOf, placeRange, type RecordPlace } from './mvcc/record.ts'
import { corruptRecord, corruptRemedy, recordSource } from './record-source.ts'
import { decodeStatePoint, restoreStatePoint, type StatePoint } from './state-codec.ts'
import {
  appliedKey,
  checkpointKey,
  type MachineOptions,
  type MachinePowers,
  StoreMachine,
} from './state-machine.ts'
import { ChangeLog } from './watch/change-log.ts'

const firstGeneration = 'db-1'

/** @throws BackendError, DiskError: the message says what to do */
export async function openStoreMachine(
  powers: MachinePowers,
  options: MachineOptions,
): Promise<StoreMachine> {
  const file = readCheckpointFile(powers.disk, options.directory) ?? (await firstCheckpoint(powers, options))
  const path = `${options.directory}/${file.generation}`
  const generations = await options.host.list()
  if (!generations.includes(file.generation) && file.index > 0) {
    throw new BackendError(
      'corrupt',
      `${checkpointPath(options.directory)} names ${path}, which is missing. ${corruptRemedy}`,
    )
  }
  for (const other of generations) if (other !== file.generation) await options.host.remove(other)
  const backend = await options.host.open(file.generation, { onFailure: powers.fatal })
  try {
    const log = new ChangeLog()
    const state = new StoreState(recordSource({ path, backend, log, fatal: powers.fatal }))
    const lastLifeIndex = await loadState(state, { backend, file, path })
    const inForce = { generation: file.generation, backend, state }
    return new StoreMachine(powers, options, { inForce, log, lastLifeIndex })
  } catch (error) {
    await backend.close()
    throw error
  }
}

async function firstCheckpoint(powers: MachinePowers, options: MachineOptions): Promise<CheckpointFile> {
  for (const leftover of await options.host.list()) await options.host.remove(leftover)
  const file: CheckpointFile = { format: 1, generation: firstGeneration, index: 0 }
  writeCheckpointFile(powers.disk, options.directory, file)
  return file
}

interface Loading {
  readonly backend: Backend
  readonly file: CheckpointFile
  readonly path: string
}

/** Loads the checkpoint; gives the index that the last life had reached. */
async function loadState(state: StoreState, { backend, file, path }: Loading): Promise<number> {
  const last = backend.get(appliedKey)
  const lastIndex = last === undefined ? 0 : decodeStatePoint(last, `the applied state in ${path}`).index
  if (file.index === 0) return lastIndex
  const stored = backend.get(checkpointKey(file.index))
  if (stored === undefined || lastIndex < file.index) {
    throw new BackendError(
      'corrupt',
      `${path} has lost the checkpoint of log index ${file.index}. ${corruptRemedy}`,
    )
  }
  const point = decodeStatePoint(stored, `the checkpoint of log index ${file.index} in ${path}`)
  await loadRecords(state, { backend, point, path })
  restoreStatePoint(state, point)
  return lastIndex
}

async function loadRecords(
  state: StoreState,
  { backend, point, path }: { readonly backend: Backend; readonly point: StatePoint; readonly path: string },
): Promise<void> {
  let previous: RecordPlace = { main: Math.max(1, point.compactRevision), sub: 0 }
  for await (const entries of backend.scan(placeRange)) {
    for (const [key, record] of entries) {
      const place = placeOf(key)
      if (place === undefined) throw corruptRecord(previous, path, 'after it lies a key of unknown shape')
      if (place.main > point.revision) break
      const harm = checkRecord(record, place)
      if (harm !== undefined) throw corruptRecord(place, path, harm)
      // After the compact revision every revision has a first record.
      if (place.main > previous.main + 1 && place.main > point.compactRevision) {
        throw corruptRecord({ main: previous.main + 1, sub: 0 }, path, 'it is missing')
      }
      state.mvcc.load(place, record)
      if (place.main > point.compactRevision) previous = place
    }
  }
  if (previous.main < point.revision) {
    throw corruptRecord({ main: previous.main + 1, sub: 0 }, path, 'it is missing')
  }
}
