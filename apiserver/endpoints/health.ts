/**
 * /livez, /healthz, /readyz: whole, `?verbose`, `?exclude=`, and one check by path. Ready means that the
 * store answers with a quorum, RBAC is loaded and the bootstrap objects are there.
 */
import { messageOf } from '../../platform/assert.ts'
import { withDeadline } from '../../platform/clock.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { untilAborted } from '../pipeline/race.ts'

interface Check {
  readonly name: string
  /** The problem, or undefined. */
  readonly run: (parts: Parts) => Promise<string | undefined>
}

/** A health check answers soon, whatever the store does. */
const storeAnswerMs = 2_000

const ping: Check = { name: 'ping', run: async () => undefined }

const store: Check = {
  name: 'etcd',
  run: async (parts) => {
    try {
      await withDeadline(
        { clock: parts.powers.clock, timeoutMs: storeAnswerMs, attempted: 'read from the store' },
        (signal) => untilAborted(parts.revisions.current(), signal),
      )
      return undefined
    } catch (error) {
      return `the store does not answer with a quorum: ${messageOf(error)}`
    }
  },
}

const rbac: Check = {
  name: 'poststarthook/rbac/bootstrap-roles',
  run: async (parts) =>
    parts.readiness.isBootstrapped ? undefined : 'bootstrap roles and system objects are not written yet',
}

const shutdown: Check = {
  name: 'shutdown',
  run: async (parts) => (parts.readiness.isShuttingDown ? 'the apiserver is shutting down' : undefined),
}

const checksByPath: Readonly<Record<string, readonly Check[]>> = {
  livez: [ping],
  healthz: [ping, store, rbac],
  readyz: [ping, store, rbac, shutdown],
}

/** The response to a health path; undefined when the path is none. */
export async function serveHealth(
  parts: Parts,
  path: string,
  query: URLSearchParams,
): Promise<HttpResponse | undefined> {
  const [root = '', ...rest] = path.split('/').filter((segment) => segment !== '')
  const checks = Object.hasOwn(checksByPath, root) ? checksByPath[root] : undefined
  if (!checks) return undefined
  if (rest.length > 0) return await oneCheck(parts, checks, rest.join('/'))
  const excluded = new Set(query.getAll('exclude'))
  const lines: string[] = []
  let failures = 0
  for (const check of checks) {
    const problem = excluded.has(check.name) ? undefined : await check.run(parts)
    if (problem !== undefined) failures += 1
    lines.push(lineOf(check, problem, excluded.has(check.name)))
  }
  if (failures > 0) return text(500, `${lines.join('\n')}\n${root} check failed\n`)
  return text(200, query.has('verbose') ? `${lines.join('\n')}\n${root} check passed\n` : 'ok')
}

function lineOf(check: Check, problem: string | undefined, isExcluded: boolean): string {
  if (isExcluded) return `[+]${check.name} excluded: ok`
  return problem === undefined ? `[+]${check.name} ok` : `[-]${check.name} failed: ${problem}`
}

async function oneCheck(
  parts: Parts,
  checks: readonly Check[],
  name: string,
): Promise<HttpResponse | undefined> {
  const check = checks.find((candidate) => candidate.name === name)
  if (!check) return undefined
  const problem = await check.run(parts)
  return problem === undefined ? text(200, 'ok') : text(500, `internal server error: ${problem}\n`)
}

function text(status: number, body: string): HttpResponse {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }
  return { status, headers, body }
}
