/**
 * The supervisor's port: JSON over HTTP on loopback, open to whoever can read `run/supervisor.json`.
 *
 *     GET  /status                      → ClusterStatus
 *     POST /act   {action, target}      → Acted
 *     POST /stop                        → {} and then the cluster stops
 */
import { messageOf } from '../../platform/assert.ts'
import type { ByteSource, HttpRequest, HttpResponse, Listener, Network } from '../../platform/network.ts'
import { CliError, errorObject, exitCodes } from '../cli-error.ts'
import { type Action, actions, type Supervisor } from './supervisor.ts'

const requestBytesMax = 64 * 1024

/** Serves until the listener is closed. */
export function listenControl(options: {
  readonly network: Network
  readonly token: string
  readonly supervisor: Supervisor
  readonly onStop: () => void
}): Promise<Listener> {
  return options.network.listenHttp({
    address: { host: '127.0.0.1', port: 0 },
    tls: undefined,
    handler: { request: (request) => guarded(options, request) },
  })
}

type ControlOptions = Parameters<typeof listenControl>[0]

async function guarded(options: ControlOptions, request: HttpRequest): Promise<HttpResponse> {
  if (request.headers['authorization'] !== `Bearer ${options.token}`)
    return json(401, { message: 'the token is missing or wrong' })
  try {
    return await route(options, request)
  } catch (error) {
    if (error instanceof CliError) return json(409, errorObject(error))
    return json(500, {
      v: 1,
      type: 'error',
      code: 'E_BUG',
      message: messageOf(error),
      exitCode: exitCodes.bug,
    })
  }
}

async function route(options: ControlOptions, request: HttpRequest): Promise<HttpResponse> {
  const path = `${request.method} ${request.url}`
  switch (path) {
    case 'GET /status':
      return json(200, await options.supervisor.status())
    case 'POST /act': {
      const { action, target } = parseAct(await readBody(request.body))
      return json(200, await options.supervisor.act(action, target))
    }
    case 'POST /stop':
      options.onStop()
      return json(200, {})
    default:
      return json(404, { message: `there is no ${path}` })
  }
}

function parseAct(text: string): { action: Action; target: string } {
  const parsed: unknown = JSON.parse(text)
  if (typeof parsed === 'object' && parsed !== null && 'action' in parsed && 'target' in parsed) {
    const action = actions.find((known) => known === parsed.action)
    if (action !== undefined && typeof parsed.target === 'string') return { action, target: parsed.target }
  }
  throw new CliError({
    code: 'E_USAGE',
    message: 'a control request needs {action, target}',
    found: text.slice(0, 200),
  })
}

async function readBody(body: ByteSource): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > requestBytesMax)
      throw new Error(`a control request of more than ${requestBytesMax} bytes`)
  }
  return text
}

function json(status: number, body: unknown): HttpResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}
