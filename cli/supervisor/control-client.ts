/** How verbs talk to a running cluster: through its supervisor's port. */
import type { HttpClient } from '../../platform/network.ts'
import type { Powers } from '../../platform/powers.ts'
import { CliError, type ErrorCode, errorCodes, type Fix } from '../cli-error.ts'
import { clusterPaths } from '../cluster/cluster-file.ts'
import type { FoundCluster } from '../cluster/location.ts'
import { fetchText } from '../health/http-text.ts'
import type { ClusterStatus } from './cluster-status.ts'
import { type ControlFile, readControlFile } from './control-file.ts'
import type { Acted, Action } from './supervisor.ts'

type ControlPowers = Pick<Powers, 'clock' | 'files' | 'processes' | 'network'>

/** Longer than the longest that a supervisor waits for a process. */
const requestTimeoutMs = 15_000

export interface ControlClient {
  readonly supervisorPid: number
  status(): Promise<ClusterStatus>
  act(action: Action, target: string): Promise<Acted>
  /** Asks the supervisor to stop the cluster; it has not stopped yet when this resolves. */
  stop(): Promise<void>
  /** Whether the supervisor still runs. */
  isAlive(): boolean
  close(): void
}

/** The running cluster's control; undefined when it does not run. */
export function connectControl(powers: ControlPowers, found: FoundCluster): ControlClient | undefined {
  const path = clusterPaths(found.dir).control
  const control = readControlFile(powers, path)
  if (control === undefined) return undefined
  const client = powers.network.httpClient({ connectTimeoutMs: 2_000 })
  return {
    supervisorPid: control.pid,
    status: () => call<ClusterStatus>(powers, client, control, 'GET', 'status'),
    act: (action, target) => call<Acted>(powers, client, control, 'POST', 'act', { action, target }),
    stop: async () => {
      await call<unknown>(powers, client, control, 'POST', 'stop')
    },
    isAlive: () => readControlFile(powers, path) !== undefined,
    close: () => client.close(),
  }
}

/** As `connectControl`. @throws CliError E_NOT_RUNNING */
export function demandControl(powers: ControlPowers, found: FoundCluster): ControlClient {
  const control = connectControl(powers, found)
  if (control !== undefined) return control
  throw notRunning(found)
}

/** The error of a verb that needs a running cluster. */
export function notRunning(found: FoundCluster): CliError {
  const { name } = found.cluster
  return new CliError({
    code: 'E_NOT_RUNNING',
    message: `cluster ${name} does not run`,
    found: `no supervisor holds ${clusterPaths(found.dir).control}`,
    fixes: [
      {
        command: name === 'skedia' ? 'skedia up' : `skedia up --name ${name}`,
        why: 'starts it with all its data',
      },
    ],
  })
}

async function call<T>(
  powers: ControlPowers,
  client: HttpClient,
  control: ControlFile,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const { status, text } = await fetchText(powers, client, {
    method,
    url: `http://127.0.0.1:${control.port}/${path}`,
    headers: { authorization: `Bearer ${control.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    timeoutMs: requestTimeoutMs,
  })
  const parsed: unknown = JSON.parse(text)
  if (status === 200) return trusted<T>(parsed)
  throw errorFrom(parsed)
}

/** The supervisor is this same program and the port asked for its token: its answers are what it says they are. */
function trusted<T>(value: unknown): T {
  return value as T
}

function errorFrom(parsed: unknown): Error {
  if (typeof parsed !== 'object' || parsed === null || !('message' in parsed))
    return new Error(JSON.stringify(parsed))
  const code = 'code' in parsed && isErrorCode(parsed.code) ? parsed.code : 'E_BUG'
  return new CliError({
    code,
    message: String(parsed.message),
    found: 'found' in parsed && typeof parsed.found === 'string' ? parsed.found : undefined,
    fixes: 'fix' in parsed && Array.isArray(parsed.fix) ? trusted<Fix[]>(parsed.fix) : [],
  })
}

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && value in errorCodes
}
