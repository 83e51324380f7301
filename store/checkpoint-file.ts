/**
 * The file `checkpoint` in the data directory: which generation of the backend is in force, and up to which
 * log entry it is known to survive a power cut. Replaced atomically; a snapshot install switches
 * generations by it. JSON, format 1.
 */
import { messageOf } from '../platform/assert.ts'
import { type Disk, DiskError } from '../platform/disk.ts'
import { BackendError } from './errors.ts'

export interface CheckpointFile {
  readonly format: 1
  /** A generation's name, `db-<n>`. */
  readonly generation: string
  /** Log index of the checkpoint; 0: the empty state. */
  readonly index: number
}

export function checkpointPath(directory: string): string {
  return `${directory}/checkpoint`
}

/** Undefined when there is none. @throws BackendError `corrupt`; DiskError */
export function readCheckpointFile(disk: Disk, directory: string): CheckpointFile | undefined {
  const path = checkpointPath(directory)
  let text: string
  try {
    text = new TextDecoder().decode(disk.readFile(path))
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    return parse(JSON.parse(text))
  } catch (error) {
    throw new BackendError(
      'corrupt',
      `${path} cannot be understood (${messageOf(error)}); restore the file, or remove this member's data ` +
        'directory and add it to the cluster as a new member',
    )
  }
}

function parse(value: unknown): CheckpointFile {
  if (typeof value !== 'object' || value === null) throw new Error('it holds no object')
  const { format, generation, index } = {
    format: undefined,
    generation: undefined,
    index: undefined,
    ...value,
  }
  if (format !== 1) throw new Error(`format ${String(format)} is not known here`)
  if (typeof generation !== 'string' || !/^db-\d+$/.test(generation))
    throw new Error('generation is not given')
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0)
    throw new Error('index is not given')
  return { format: 1, generation, index }
}

/** @throws DiskError */
export function writeCheckpointFile(disk: Disk, directory: string, file: CheckpointFile): void {
  disk.replaceFile(checkpointPath(directory), new TextEncoder().encode(`${JSON.stringify(file)}\n`))
}
