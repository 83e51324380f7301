/**
 * Pod networks by CNI plugins on Linux. A sandbox is two namespaces (network, IPC) held by bind mounts, so
 * it costs no process: `unshare --net=<file>` makes them, the plugins put an interface into the first.
 *
 * The plugins run in the network namespace of this very process: the node's.
 * Source: CNI spec 1.0.0; plugins `bridge`, `host-local`, `portmap`.
 */
import { messageOf } from '../../platform/assert.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Files } from '../../platform/files.ts'
import type { Network } from '../../platform/network.ts'
import { ProcessError, type Processes } from '../../platform/processes.ts'
import { httpGet } from './http-get.ts'
import type { PodConnection, PodHttpRequest, PodNetwork, Sandbox, SandboxRequest } from './pod-network.ts'

export interface CniNetworkOptions {
  readonly clock: Clock
  readonly files: Files
  readonly processes: Processes
  readonly network: Network
  readonly rootDir: string
  /** Directories with plugins, the first that has one wins. */
  readonly pluginDirs: readonly string[]
  readonly podCidr: string
  readonly bridge: string
  readonly mtu: number | undefined
}

interface StoredSandbox {
  readonly version: 1
  readonly request: SandboxRequest
  readonly ip: string
  readonly createdAtMs: number
}

/** What the last plugin answered; passed on to the next one. */
interface CniResult {
  readonly ips?: readonly { readonly address: string }[]
}

const pluginTimeoutMs = 60_000

/** Opens the network over its directory. */
export function createCniNetwork(options: CniNetworkOptions): PodNetwork {
  return new CniNetwork(options)
}

class CniNetwork implements PodNetwork {
  readonly #options: CniNetworkOptions
  readonly #files: Files

  constructor(options: CniNetworkOptions) {
    this.#options = options
    this.#files = options.files
    this.#files.makeDirectory(this.#directory, { mode: 0o700 })
  }

  problem(): string | undefined {
    for (const plugin of ['bridge', 'host-local']) {
      if (this.#plugin(plugin) !== undefined) continue
      return `CNI plugin ${plugin} is not in ${this.#options.pluginDirs.join(', ')}: install containernetworking-plugins`
    }
    return undefined
  }

  async setUp(request: SandboxRequest): Promise<Sandbox> {
    const createdAtMs = this.#options.clock.wallMs()
    this.#store({ version: 1, request, ip: '', createdAtMs })
    try {
      await this.#makeNamespaces(request)
      const ip = request.usesHostNetwork ? '' : await this.#attach(request)
      const stored: StoredSandbox = { version: 1, request, ip, createdAtMs }
      this.#store(stored)
      return this.#sandboxOf(stored, true)
    } catch (error) {
      await this.tearDown(request.id)
      throw new Error(`failed to set up the sandbox's network: ${messageOf(error)}`, { cause: error })
    }
  }

  async tearDown(sandboxId: string): Promise<void> {
    const stored = this.#read(sandboxId)
    if (stored === undefined) return
    if (!stored.request.usesHostNetwork) await this.#detach(stored.request)
    const paths = [this.#networkPath(sandboxId), this.#ipcPath(sandboxId)].filter((path) =>
      this.#files.exists(path),
    )
    if (paths.length > 0) {
      await this.#options.processes.run({
        command: 'umount',
        args: ['-l', ...paths],
        timeoutMs: pluginTimeoutMs,
        allowFailure: true,
      })
    }
    for (const path of paths) this.#files.remove(path)
    this.#files.remove(`${this.#directory}/${sandboxId}.json`)
  }

  async list(): Promise<readonly Sandbox[]> {
    const mounts = this.#files.readText('/proc/self/mountinfo')
    return this.#files
      .list(this.#directory)
      .filter((name) => name.endsWith('.json'))
      .map((name) => this.#read(name.slice(0, -'.json'.length)))
      .filter((stored) => stored !== undefined)
      .map((stored) => this.#sandboxOf(stored, this.#isWhole(stored, mounts)))
  }

  async get(request: PodHttpRequest): Promise<{ readonly status: number; readonly body: string }> {
    return await httpGet(this.#options, request)
  }

  async dial(target: Parameters<PodNetwork['dial']>[0]): Promise<PodConnection> {
    const { host, port, timeoutMs, signal } = target
    return await this.#options.network.dialBytes({ address: { host, port }, timeoutMs, signal })
  }

  get #directory(): string {
    return `${this.#options.rootDir}/sandboxes`
  }

  #networkPath(id: string): string {
    return `${this.#directory}/${id}.net`
  }

  #ipcPath(id: string): string {
    return `${this.#directory}/${id}.ipc`
  }

  #plugin(name: string): string | undefined {
    return this.#options.pluginDirs
      .map((directory) => `${directory}/${name}`)
      .find((path) => this.#files.exists(path))
  }

  #store(stored: StoredSandbox): void {
    this.#files.write(`${this.#directory}/${stored.request.id}.json`, JSON.stringify(stored))
  }

  #read(id: string): StoredSandbox | undefined {
    const path = `${this.#directory}/${id}.json`
    if (!this.#files.exists(path)) return undefined
    try {
      return JSON.parse(this.#files.readText(path)) as StoredSandbox // unsafe: only this class writes the file
    } catch {
      return undefined
    }
  }

  #isWhole({ request, ip }: StoredSandbox, mounts: string): boolean {
    if (!request.usesHostIpc && !mounts.includes(` ${this.#ipcPath(request.id)} `)) return false
    return request.usesHostNetwork || (ip !== '' && mounts.includes(` ${this.#networkPath(request.id)} `))
  }

  #sandboxOf({ request, ip, createdAtMs }: StoredSandbox, isReady: boolean): Sandbox {
    return {
      id: request.id,
      podUid: request.podUid,
      podNamespace: request.podNamespace,
      podName: request.podName,
      ip,
      createdAtMs,
      isReady,
      namespaces: {
        ...(request.usesHostNetwork ? {} : { networkPath: this.#networkPath(request.id) }),
        ...(request.usesHostIpc ? {} : { ipcPath: this.#ipcPath(request.id) }),
        usesHostIpc: request.usesHostIpc,
        usesHostPid: request.usesHostPid,
      },
    }
  }

  async #makeNamespaces(request: SandboxRequest): Promise<void> {
    const flags: string[] = []
    if (!request.usesHostNetwork) flags.push(`--net=${this.#networkPath(request.id)}`)
    if (!request.usesHostIpc) flags.push(`--ipc=${this.#ipcPath(request.id)}`)
    if (flags.length === 0) return
    for (const flag of flags) this.#files.write(flag.slice(flag.indexOf('=') + 1), '')
    const inside = request.usesHostNetwork ? ['true'] : ['ip', 'link', 'set', 'lo', 'up']
    await this.#options.processes.run({
      command: 'unshare',
      args: [...flags, ...inside],
      timeoutMs: pluginTimeoutMs,
    })
  }

  async #attach(request: SandboxRequest): Promise<string> {
    const bridged = await this.#call('ADD', 'bridge', request, undefined)
    const address = bridged?.ips?.[0]?.address.split('/')[0]
    if (address === undefined) throw new Error('CNI plugin bridge gave no address')
    if (request.hostPorts.length > 0) await this.#call('ADD', 'portmap', request, bridged)
    return address
  }

  async #detach(request: SandboxRequest): Promise<void> {
    for (const plugin of request.hostPorts.length > 0 ? ['portmap', 'bridge'] : ['bridge']) {
      // What cannot be taken off is gone with its namespace; an address left over is freed by the next DEL.
      await this.#call('DEL', plugin, request, undefined).catch(() => undefined)
    }
  }

  async #call(
    command: 'ADD' | 'DEL',
    plugin: string,
    request: SandboxRequest,
    previous: CniResult | undefined,
  ): Promise<CniResult | undefined> {
    const path = this.#plugin(plugin)
    if (path === undefined)
      throw new Error(
        `CNI plugin ${plugin} is not in ${this.#options.pluginDirs.join(', ')}: install containernetworking-plugins`,
      )
    try {
      const { stdout } = await this.#options.processes.run({
        command: path,
        args: [],
        env: {
          CNI_COMMAND: command,
          CNI_CONTAINERID: request.id,
          CNI_NETNS: this.#networkPath(request.id),
          CNI_IFNAME: 'eth0',
          CNI_PATH: this.#options.pluginDirs.join(':'),
          CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${request.podNamespace};K8S_POD_NAME=${request.podName}`,
          PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        },
        input: JSON.stringify(this.#configuration(plugin, request, previous)),
        timeoutMs: pluginTimeoutMs,
      })
      return stdout.trim() === '' ? undefined : (JSON.parse(stdout) as CniResult) // unsafe: the CNI spec's result
    } catch (error) {
      const answer = error instanceof ProcessError ? (error.result?.stdout ?? '') : ''
      const [, message] = /"msg":\s*"((?:[^"\\]|\\.)*)"/.exec(answer) ?? []
      throw new Error(`CNI plugin ${plugin} ${command}: ${message ?? messageOf(error)}`, { cause: error })
    }
  }

  #configuration(plugin: string, request: SandboxRequest, previous: CniResult | undefined): unknown {
    const common = {
      cniVersion: '1.0.0',
      name: 'skedia',
      type: plugin,
      ...(previous === undefined ? {} : { prevResult: previous }),
    }
    if (plugin === 'portmap') {
      return {
        ...common,
        snat: true,
        capabilities: { portMappings: true },
        runtimeConfig: { portMappings: request.hostPorts },
      }
    }
    const { bridge, mtu, podCidr, rootDir } = this.#options
    return {
      ...common,
      bridge,
      isGateway: true,
      hairpinMode: true,
      ipMasq: false,
      ...(mtu === undefined ? {} : { mtu }),
      ipam: {
        type: 'host-local',
        dataDir: `${rootDir}/ipam`,
        ranges: [[{ subnet: podCidr }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    }
  }
}
