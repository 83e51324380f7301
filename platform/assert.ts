/**
 * Assertions are for bugs, never for the world's errors. They are always on. What a failed one does
 * is decided by whoever built the room: it is thrown here and carried to the `fatal` handler there.
 */

/** A bug in Skedia: something that must not be, was. */
export class AssertionFailed extends Error {
  readonly code = 'E_ASSERTION'
  constructor(message: string) {
    super(`assertion failed: ${message}`)
    this.name = 'AssertionFailed'
  }
}

/** Throws `AssertionFailed` unless `condition`. Give a function where the message is costly. */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new AssertionFailed(typeof message === 'string' ? message : message())
}

/** The end of an exhaustive `switch`: a compile error when a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable case ${JSON.stringify(value)}`)
}

/** `value`, asserted to be there. `what` names it in the message. */
export function defined<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new AssertionFailed(`${what} is missing`)
  return value
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
