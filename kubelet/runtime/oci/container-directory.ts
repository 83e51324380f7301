/**
 * What is kept on disk about one container, so that any later kubelet knows it: a record written before the
 * container exists, then one small file per step.
 *
 *     containers/<id>/record.json   who it is, before anything else
 *                     config.json   the OCI bundle, rootfs/, upper/, work/
 *                     process.json  ids of container and shim, once created
 *                     started       wall clock milliseconds, once started
 *                     ended.json    exit code and last words, once settled
 *     exits/<id>                    written by the shim when the container ends
 */
import type { Files } from '../../../platform/files.ts'
import type { ContainerOwner } from '../oci-runtime.ts'

export interface StoredRecord {
  readonly version: 1
  readonly id: string
  readonly owner: ContainerOwner
  readonly createdAtMs: number
  readonly cgroupsPath: string
  readonly logPath: string
  readonly fallsBackToLogs: boolean
}

export interface StoredProcess {
  readonly pid: number
  readonly pidStartTicks: number
  readonly shimPid: number
  readonly shimStartTicks: number
}

export interface StoredEnd {
  readonly exitCode: number
  readonly finishedAtMs: number
  readonly wasOomKilled: boolean
  readonly isExitUnknown: boolean
  readonly terminationMessage: string
}

/** Everything that the files of one container say. */
export interface StoredContainer {
  readonly record: StoredRecord
  readonly process: StoredProcess | undefined
  readonly startedAtMs: number | undefined
  readonly end: StoredEnd | undefined
}

/** Reads a container's files; undefined when its record is missing or torn (a crash while it was made). */
export function readContainer(files: Files, directory: string): StoredContainer | undefined {
  const record = readJson<StoredRecord>(files, `${directory}/record.json`)
  if (record?.version !== 1) return undefined
  const started = `${directory}/started`
  return {
    record,
    process: readJson<StoredProcess>(files, `${directory}/process.json`),
    startedAtMs: files.exists(started) ? Number(files.readText(started)) : undefined,
    end: readJson<StoredEnd>(files, `${directory}/ended.json`),
  }
}

export function writeJson(files: Files, path: string, value: unknown): void {
  files.write(path, `${JSON.stringify(value)}\n`)
}

/** Our own file, written by `writeJson` in one step: its shape is trusted, a torn one is as good as none. */
export function readJson<T>(files: Files, path: string): T | undefined {
  if (!files.exists(path)) return undefined
  try {
    return JSON.parse(files.readText(path)) as T // unsafe: only this code writes the file
  } catch {
    return undefined
  }
}
