/** Small judgements about errors that several controllers share. */
import { isNotFound } from '../../api/meta/status.ts'

/** Throws `error` unless it is undefined: for functions that settle everything first and report one error. */
export function throwIfFailed(error: unknown): void {
  if (error !== undefined) throw error
}

/** Runs `work`; what is already gone counts as done. */
export async function ignoreNotFound<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
