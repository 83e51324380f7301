/**
 * The errors that people see: what happened, what was found, the fix as a command that can be pasted,
 * and a stable code with its place in `docs/errors.md`. The table below is the whole list; a test checks
 * that the document has a section for each code.
 */

/**
 * Exit codes, documented and stable. `failed` also says "a violation was found", `unknown` that a checker
 * ran out of budget. They follow sysexits(3) where it has a word for the case.
 */
export const exitCodes = {
  ok: 0,
  failed: 1,
  unknown: 2,
  usage: 64,
  noQuorum: 69,
  bug: 70,
  cannotCreate: 73,
  timedOut: 75,
  permission: 77,
  interrupted: 130,
} as const

/** Every error code of the command and the exit code that goes with it. */
export const errorCodes = {
  E_USAGE: exitCodes.usage,
  E_NODE_VERSION: exitCodes.usage,
  E_NOT_BUILT: exitCodes.bug,
  E_BUG: exitCodes.bug,
  E_PORT_IN_USE: exitCodes.cannotCreate,
  E_DIR_UNWRITABLE: exitCodes.cannotCreate,
  E_DIR_FOREIGN: exitCodes.cannotCreate,
  E_CLUSTER_FILE: exitCodes.cannotCreate,
  E_ALREADY_RUNNING: exitCodes.cannotCreate,
  E_NOT_RUNNING: exitCodes.failed,
  E_NO_CLUSTER: exitCodes.failed,
  E_NO_PROCESS: exitCodes.usage,
  E_NO_LEADER: exitCodes.noQuorum,
  E_NO_QUORUM: exitCodes.noQuorum,
  E_NOT_READY: exitCodes.timedOut,
  E_TIMEOUT: exitCodes.timedOut,
  E_PERMISSION: exitCodes.permission,
  E_NETWORK_SETUP: exitCodes.cannotCreate,
  E_DATA: exitCodes.cannotCreate,
  E_DISK_FULL: exitCodes.cannotCreate,
  E_COMPONENT: exitCodes.failed,
  E_IMAGE: exitCodes.failed,
  E_WRITE_LOST: exitCodes.failed,
  E_MEMBERS_FIXED: exitCodes.usage,
} as const

/** The name of an error in `docs/errors.md`. */
export type ErrorCode = keyof typeof errorCodes

/** A command that may help, and why it would. */
export interface Fix {
  readonly command: string
  readonly why?: string
}

/** An error of the world, ready to be shown. */
export class CliError extends Error {
  readonly code: ErrorCode
  readonly exitCode: number
  /** What was observed. */
  readonly found: string | undefined
  readonly fixes: readonly Fix[]
  constructor(options: {
    readonly code: ErrorCode
    /** What was attempted and failed, on what. */
    readonly message: string
    readonly found?: string | undefined
    readonly fixes?: readonly Fix[]
    readonly exitCode?: number
    readonly cause?: unknown
  }) {
    super(options.message, { cause: options.cause })
    this.name = 'CliError'
    this.code = options.code
    this.exitCode = options.exitCode ?? errorCodes[options.code]
    this.found = options.found
    this.fixes = options.fixes ?? []
  }
}

/** The four parts as text, ending with a line break. */
export function formatError(error: CliError): string {
  const head = error.found === undefined ? error.message : `${error.message} — ${error.found}`
  const width = Math.max(0, ...error.fixes.map((fix) => fix.command.length))
  const fixes = error.fixes.map((fix, index) => {
    const label = index === 0 ? '  fix    ' : '         '
    return fix.why === undefined
      ? `${label}${fix.command}`
      : `${label}${fix.command.padEnd(width)}   ${fix.why}`
  })
  const code = `  code   ${error.code}    docs/errors.md#${error.code.toLowerCase()}`
  return `${[`✗ ${head}`, ...fixes, code].join('\n')}\n`
}

/** The four parts as one JSON object, for `--json`. */
export function errorObject(error: CliError): Record<string, unknown> {
  return {
    v: 1,
    type: 'error',
    code: error.code,
    message: error.message,
    found: error.found,
    fix: error.fixes,
    exitCode: error.exitCode,
    docs: `docs/errors.md#${error.code.toLowerCase()}`,
  }
}
