/**
 * What a person does to a cluster: with real kubectl when it is on the machine, with the project's own
 * client otherwise. Both speak to the same address with the same kubeconfig.
 */
import { existsSync, readFileSync } from 'node:fs'
import { deployments } from '../../api/apps/deployment.ts'
import { endpointSlices } from '../../api/discovery/endpoint-slice.ts'
import { nodes } from '../../api/core/node.ts'
import { pods } from '../../api/core/pod.ts'
import { services } from '../../api/core/service.ts'
import { isPodReady } from '../../api/core/pod-conditions.ts'
import type { Deployment, Pod } from '../../api/types.ts'
import { type ApiClient, createApiClient } from '../../client/index.ts'
import type { E2eCluster } from './cluster.ts'

const rolloutTimeoutMs = 60_000
const namespace = 'default'

/** Whether real kubectl is on this machine. */
export function hasKubectl(): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(`${directory}/kubectl`))
}

export class User {
  readonly #cluster: E2eCluster
  readonly #kubectl = hasKubectl()
  #client: ApiClient | undefined

  constructor(cluster: E2eCluster) {
    this.#cluster = cluster
  }

  /** The project's own client, for looking; also for doing where kubectl is missing. */
  get client(): ApiClient {
    if (this.#client === undefined) {
      const read = (name: string) => readFileSync(`${this.#cluster.dir}/pki/${name}`, 'utf8')
      this.#client = createApiClient(this.#cluster.powers, {
        servers: [this.#cluster.endpoint],
        tls: {
          certificateAuthority: read('ca.crt'),
          certificate: read('admin.crt'),
          privateKey: read('admin.key'),
        },
        userAgent: 'skedia-e2e',
      })
    }
    return this.#client
  }

  close(): void {
    this.#client?.close()
    this.#client = undefined
  }

  /** `kubectl …`; @throws when it does not exit with 0 */
  async kubectl(...args: readonly string[]): Promise<string> {
    const result = await this.#cluster.run('kubectl', args)
    if (result.code !== 0)
      throw new Error(`kubectl ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`)
    return result.stdout
  }

  async readyNodes(): Promise<readonly string[]> {
    const { items } = await this.client.resource(nodes).list()
    return items
      .filter((node) => node.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'))
      .map((node) => node.metadata?.name ?? '')
  }

  async createDeployment(name: string, image: string, replicas: number): Promise<void> {
    if (this.#kubectl) {
      await this.kubectl('create', 'deployment', name, `--image=${image}`, `--replicas=${replicas}`)
      return
    }
    const labels = { app: name }
    const deployment: Deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'web', image }] } },
      },
    }
    await this.client.resource(deployments, namespace).create(deployment)
  }

  async scale(name: string, replicas: number): Promise<void> {
    if (this.#kubectl) await this.kubectl('scale', `deployment/${name}`, `--replicas=${replicas}`)
    else await this.#patch(name, { spec: { replicas } })
  }

  async setImage(name: string, image: string): Promise<void> {
    if (this.#kubectl) await this.kubectl('set', 'image', `deployment/${name}`, `web=${image}`)
    else await this.#patch(name, { spec: { template: { spec: { containers: [{ name: 'web', image }] } } } })
  }

  async expose(name: string, port: number, targetPort: number): Promise<void> {
    if (this.#kubectl) {
      await this.kubectl('expose', `deployment/${name}`, `--port=${port}`, `--target-port=${targetPort}`)
      return
    }
    await this.client.resource(services, namespace).create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { selector: { app: name }, ports: [{ port, targetPort, protocol: 'TCP' }] },
    })
  }

  /** Waits as `kubectl rollout status` does: the newest template is on every replica, and all are available. */
  async rolledOut(name: string, timeoutMs = rolloutTimeoutMs): Promise<void> {
    await this.#cluster.waitFor(`rollout of ${name}`, timeoutMs, async () => {
      const deployment = await this.client.resource(deployments, namespace).get(name)
      const wanted = deployment.spec?.replicas ?? 1
      const status = deployment.status
      if ((status?.observedGeneration ?? 0) < (deployment.metadata?.generation ?? 0)) return false
      return (
        status?.updatedReplicas === wanted &&
        status.replicas === wanted &&
        status.availableReplicas === wanted
      )
    })
    if (this.#kubectl) await this.kubectl('rollout', 'status', `deployment/${name}`, '--timeout=20s')
  }

  async podsOf(app: string): Promise<readonly Pod[]> {
    const { items } = await this.client.resource(pods, namespace).list({ labelSelector: `app=${app}` })
    return items.filter((pod) => pod.metadata?.deletionTimestamp === undefined)
  }

  async readyPodsOf(app: string): Promise<readonly Pod[]> {
    return (await this.podsOf(app)).filter((pod) => isPodReady(pod))
  }

  async clusterIp(service: string): Promise<string> {
    const found = await this.client.resource(services, namespace).get(service)
    return found.spec?.clusterIP ?? ''
  }

  /** Addresses that the Service's EndpointSlices call ready. */
  async readyEndpoints(service: string): Promise<readonly string[]> {
    const { items } = await this.client
      .resource(endpointSlices, namespace)
      .list({ labelSelector: `kubernetes.io/service-name=${service}` })
    return items.flatMap((slice) =>
      (slice.endpoints ?? [])
        .filter((one) => one.conditions?.ready !== false)
        .flatMap((one) => one.addresses ?? []),
    )
  }

  async #patch(name: string, patch: unknown): Promise<void> {
    await this.client.resource(deployments, namespace).patch(name, patch, { type: 'strategic' })
  }
}

/** A small program for a node's network namespace: asks `url` `count` times, each on a connection of its own. */
const asker = `
const [url, count] = process.argv.slice(1)
const ask = (left) => left > 0 && require('node:http')
  .get(url, { agent: false, timeout: 2000 }, (answer) => {
    let text = ''
    answer.on('data', (chunk) => { text += chunk })
    answer.on('end', () => { console.log(text.trim()); ask(left - 1) })
  })
  .on('timeout', function () { this.destroy(new Error('no answer within 2 s')) })
  .on('error', (error) => { console.error(error.message); process.exit(1) })
ask(Number(count))
`

/** What HTTP says `count` times, asked from inside node n1's network namespace, where Services are known. @throws at the first failure */
export async function answersOf(cluster: E2eCluster, url: string, count: number): Promise<readonly string[]> {
  const namespaceFile = `/run/netns/sk-${cluster.file.id}-n1`
  const args = [`--net=${namespaceFile}`, process.execPath, '-e', asker, url, `${count}`]
  const result = await cluster.run('nsenter', args)
  if (result.code !== 0) throw new Error(`GET ${url} from n1: ${result.stderr.trim()}`)
  return result.stdout.trim().split('\n')
}

/** One answer. */
export async function askFromNode(cluster: E2eCluster, url: string): Promise<string> {
  const [answer] = await answersOf(cluster, url, 1)
  return answer ?? ''
}

/** Ids of this cluster's containers that `runc list` calls running. */
export async function runningContainers(cluster: E2eCluster): Promise<readonly string[]> {
  const { stdout } = await cluster.run('runc', ['list', '--format', 'json'])
  const all: unknown = JSON.parse(stdout || '[]')
  if (!Array.isArray(all)) return [] // runc prints null for none
  return all
    .filter(
      (one: { status: string; bundle: string }) =>
        one.status === 'running' && one.bundle.startsWith(cluster.dir),
    )
    .map((one: { id: string }) => one.id)
}
