/** The log, as a power. One line per event: a plain sentence, then the facts as fields. */
export interface Log {
  /** A log whose lines carry these fields too. */
  child(fields: Readonly<Record<string, unknown>>): Log
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** A log that keeps nothing. */
export const silentLog: Log = {
  child: () => silentLog,
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
}
