/**
 * A node in network namespaces of this machine, for tests on the real kernel:
 *
 *     client ──10.213.2.0/24── node ──bridge 10.213.1.0/24── pod 1, pod 2, pod 3
 *
 * Each pod answers HTTP with its own name. Needs root. Everything goes with `close`.
 */
import type { ChildProcess, Processes } from '../../platform/processes.ts'

export const nodeIp = '10.213.2.1'
export const clientIp = '10.213.2.2'
export const podCidr = '10.213.1.0/24'

const timeoutMs = 20_000

export class TestNode {
  readonly #processes: Processes
  readonly #prefix: string
  readonly #names: string[] = []
  readonly #servers: ChildProcess[] = []

  constructor(processes: Processes) {
    this.#processes = processes
    this.#prefix = `skp-test-${processes.pid}`
  }

  get nodeNamespace(): string {
    return `/run/netns/${this.#prefix}-node`
  }

  podIp(index: number): string {
    return `10.213.1.${10 + index}`
  }

  async open(pods: number): Promise<void> {
    await this.#addNamespace('node')
    await this.#addNamespace('client')
    await this.sh(
      'node',
      'ip link add br0 type bridge && ip addr add 10.213.1.1/24 dev br0 && ip link set br0 up',
    )
    await this.sh('node', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    await this.#link('client', 'eth1', '')
    // A default route by another interface: else the kernel sends redirects, and they use up its limit of refusals.
    await this.sh(
      'node',
      'ip link add up0 type veth peer name up1 && ip link set up0 up && ip link set up1 up && ip route add default dev up0',
    )
    await this.sh('node', `ip addr add ${nodeIp}/24 dev eth1`)
    await this.sh('client', `ip addr add ${clientIp}/24 dev eth0 && ip route add default via ${nodeIp}`)
    for (let index = 1; index <= pods; index += 1) {
      await this.#addNamespace(`pod${index}`)
      await this.#link(`pod${index}`, `veth${index}`, `&& ip link set veth${index} master br0`)
      await this.sh('node', `bridge link set dev veth${index} hairpin on`)
      await this.sh(
        `pod${index}`,
        `ip addr add ${this.podIp(index)}/24 dev eth0 && ip route add default via 10.213.1.1`,
      )
      await this.#serve(`pod${index}`)
    }
  }

  /** Runs a shell command in one of the namespaces and gives its output. @throws ProcessError */
  async sh(name: string, command: string): Promise<string> {
    const namespace = `/run/netns/${this.#prefix}-${name}`
    const args = [`--net=${namespace}`, 'sh', '-c', command]
    return (await this.#processes.run({ command: 'nsenter', args, timeoutMs })).stdout
  }

  /** Who answers at `address` (ip:port) when asked from namespace `from`; '' when nobody does within two seconds. */
  async ask(from: string, address: string): Promise<string> {
    return (await this.sh(from, `${request(address)} 2>/dev/null | tail -n 1`)).trim()
  }

  /** How often each name answers. */
  async askOften(from: string, address: string, times: number): Promise<ReadonlyMap<string, number>> {
    const loop = `for i in $(seq ${times}); do a=$(${request(address)} 2>/dev/null | tail -n 1); echo \${a:-nobody}; done`
    const counts = new Map<string, number>()
    for (const name of (await this.sh(from, loop)).trim().split('\n'))
      counts.set(name, (counts.get(name) ?? 0) + 1)
    return counts
  }

  /**
   * What the kernel says about a connection that nobody takes. Longer than the second after which a SYN is sent
   * again: over a veth the first refusal comes back before the socket listens for it.
   */
  async complaint(from: string, address: string): Promise<string> {
    return this.sh(from, `${request(address, 3)} 2>&1 >/dev/null || true`)
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.kill('SIGKILL')
      await server.exited
    }
    for (const name of this.#names) {
      await this.#processes.run({
        command: 'ip',
        args: ['netns', 'del', name],
        timeoutMs,
        allowFailure: true,
      })
    }
    await this.#processes.run({ command: 'rm', args: ['-rf', `/tmp/${this.#prefix}`], timeoutMs })
  }

  async #addNamespace(name: string): Promise<void> {
    const full = `${this.#prefix}-${name}`
    await this.#processes.run({ command: 'ip', args: ['netns', 'add', full], timeoutMs })
    this.#names.push(full)
    await this.sh(name, 'ip link set lo up')
  }

  /** A pair from `eth0` of a namespace to `peer` in the node. */
  async #link(name: string, peer: string, then: string): Promise<void> {
    const target = `${this.#prefix}-${name}`
    await this.sh(
      'node',
      `ip link add ${peer} type veth peer name eth0 netns ${target} && ip link set ${peer} up ${then}`,
    )
    await this.sh(name, 'ip link set eth0 up')
  }

  async #serve(name: string): Promise<void> {
    const directory = `/tmp/${this.#prefix}/${name}`
    await this.sh(name, `mkdir -p ${directory} && echo ${name} > ${directory}/name`)
    const args = [
      `--net=/run/netns/${this.#prefix}-${name}`,
      'busybox',
      'httpd',
      '-f',
      '-p',
      '8080',
      '-h',
      directory,
    ]
    this.#servers.push(await this.#processes.spawn({ command: 'nsenter', args }))
  }
}

/** A shell command that asks for `/name`. By nc: Debian's static busybox wget crashes where names are looked up. */
function request(address: string, seconds = 2): string {
  const [ip, port = '80'] = address.split(':')
  return `printf 'GET /name HTTP/1.0\\r\\n\\r\\n' | busybox nc -w ${seconds} ${ip} ${port}`
}
