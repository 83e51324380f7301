/** Test-only: one apiserver over a store in memory, in a simulated world, and clients that talk to it. */
import type { ByteSource, HttpClient, TlsIdentity } from '../platform/network.ts'
import type { Powers } from '../platform/powers.ts'
import { MemoryStore } from './memory-store.fixture.ts'
import { type Apiserver, startApiserver } from './index.ts'

const decoder = new TextDecoder()
const authority = 'cluster-ca'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  // biome-ignore lint: a test looks into whatever came back
  readonly json: Body
}

/** What a test sees of a JSON body: any path, each step perhaps absent. */
export interface Body {
  readonly [field: string]: Body
}

export interface CallOptions {
  /** Which apiserver; default `a1`. */
  readonly server?: string
  readonly user?: string
  readonly groups?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

/** What is asked of the simulated world, so that no file but a test imports the simulation. */
export interface Simulation {
  readonly world: {
    machine(name: string): unknown
    startProcess(options: { name: string; machine: unknown }): { readonly powers: Powers }
    run(durationMs: number): Promise<void>
    runUntil(condition: () => boolean, timeoutMs: number): Promise<boolean>
    readonly violations: readonly { readonly message: string }[]
  }
  identity(authority: string, commonName: string, organizations?: readonly string[]): TlsIdentity
  tokenKey(seed: string): { readonly privateKey: string; readonly publicKey: string }
}

export class ServerWorld {
  readonly world: Simulation['world']
  readonly #simulation: Simulation
  readonly store: MemoryStore
  readonly #clients = new Map<string, HttpClient>()
  readonly #servers: Apiserver[] = []

  constructor(simulation: Simulation, store = new MemoryStore()) {
    this.#simulation = simulation
    this.world = simulation.world
    this.store = store
  }

  /** Starts an apiserver and waits until it is ready. */
  async start(name = 'a1'): Promise<this> {
    const server = await this.settle(this.launch(name))
    await this.world.runUntil(() => server.isReady(), 10_000)
    return this
  }

  /** Starts an apiserver; the world must run for it to come up. */
  async launch(name: string): Promise<Apiserver> {
    const { powers } = this.world.startProcess({ name, machine: this.world.machine(name) })
    const key = this.#simulation.tokenKey('service accounts')
    const server = await startApiserver(powers, {
      name,
      bindAddresses: [{ host: name, port: 6443 }],
      advertiseAddress: { host: `10.0.0.${name.slice(1)}`, port: 6443 },
      tls: this.#simulation.identity(authority, `apiserver ${name}`),
      clientCa: authority,
      store: this.store,
      serviceAccountKey: { privateKey: key.privateKey, publicKeys: [key.publicKey] },
      serviceAccountIssuer: 'https://kubernetes.default.svc',
      kubeletClientTls: this.#simulation.identity(authority, 'kube-apiserver-kubelet-client', [
        'system:masters',
      ]),
      serviceCidr: '10.96.0.0/16',
      clusterDomain: 'cluster.local',
    })
    this.#servers.push(server)
    return server
  }

  /** Powers on a machine of the world: for what a test puts beside the apiserver. */
  powersOn(machine: string): Powers {
    return this.world.startProcess({ name: machine, machine: this.world.machine(machine) }).powers
  }

  /** An identity of the cluster's authority. */
  identity(commonName: string, organizations: readonly string[] = []): TlsIdentity {
    return this.#simulation.identity(authority, commonName, organizations)
  }

  /** Runs the world until a promise settles. */
  async settle<T>(promise: Promise<T>, timeoutMs = 120_000): Promise<T> {
    let isSettled = false
    const watched = promise.finally(() => {
      isSettled = true
    })
    watched.catch(() => {})
    if (!(await this.world.runUntil(() => isSettled, timeoutMs)))
      throw new Error(`it never settled: ${this.world.violations.map((found) => found.message).join('; ')}`)
    return await promise
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await this.settle(server.close())
  }

  /** The open body of a response: for watches. */
  async open(method: string, path: string, options: CallOptions = {}): Promise<ByteSource> {
    const response = await this.settle(
      this.#client(options).request({
        method,
        url: `https://${options.server ?? 'a1'}:6443${path}`,
        headers: options.headers ?? {},
      }),
    )
    return response.body
  }

  /** One request, answered. Objects are sent as JSON. */
  async call(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<Answer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = async (): Promise<Answer> => {
      const response = await this.#client(options).request({
        method,
        url: `https://${options.server ?? 'a1'}:6443${path}`,
        headers: { 'content-type': 'application/json', ...options.headers },
        ...(body === undefined ? {} : { body: text }),
      })
      const received = await readAll(response.body)
      return { status: response.status, headers: response.headers, text: received, json: parse(received) }
    }
    return await this.settle(answer())
  }

  #client(options: CallOptions): HttpClient {
    const user = options.user ?? 'kubernetes-admin'
    const groups = options.groups ?? (options.user === undefined ? ['system:masters'] : [])
    const known = this.#clients.get(`${user} ${groups.join(' ')}`)
    if (known) return known
    const { powers } = this.world.startProcess({
      name: `client ${this.#clients.size}`,
      machine: this.world.machine('client'),
    })
    const tls =
      user === '' ? { certificateAuthority: authority } : this.#simulation.identity(authority, user, groups)
    const client = powers.network.httpClient({ tls, connectTimeoutMs: 1000 })
    this.#clients.set(`${user} ${groups.join(' ')}`, client)
    return client
  }
}

/** Whole lines of a watch, parsed, until `count` have come. */
export async function readEvents(
  world: ServerWorld,
  body: ByteSource,
  count: number,
): Promise<readonly Body[]> {
  const events: Body[] = []
  let rest = ''
  while (events.length < count) {
    const chunk = await world.settle(body.read())
    if (!chunk) break
    rest += decoder.decode(chunk)
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    events.push(...lines.map(parse))
  }
  return events
}

async function readAll(body: ByteSource): Promise<string> {
  let text = ''
  for (;;) {
    const chunk = await body.read()
    if (!chunk) return text
    text += decoder.decode(chunk)
  }
}

function parse(text: string): Body {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}
