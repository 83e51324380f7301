/**
 * A whole cluster in one world: store members, apiservers, controller-managers, schedulers and kubelets on
 * the fake OCI runtime, all of them the production code, each a process on a machine of its own.
 */
import { type ApiClient, createApiClient } from '../../client/index.ts'
import { startApiserver } from '../../apiserver/index.ts'
import { startControllerManager } from '../../controllers/index.ts'
import { createFakeNodeHost, type NodeHost, startKubelet } from '../../kubelet/index.ts'
import type { Address, TlsIdentity } from '../../platform/network.ts'
import type { Component, Powers } from '../../platform/powers.ts'
import { simIdentity, type SimProcess, simTokenKey, type SimWorld } from '../../platform/sim/index.ts'
import { startScheduler } from '../../scheduler/index.ts'
import { MemoryBackendHost, startStoreMember } from '../../store/index.ts'
import { createStoreClient, type StoreClient } from '../../store/client/index.ts'
import { Slot } from './slot.ts'
import { guardService } from './zombie-guard.ts'

export interface SimClusterSize {
  readonly members: number
  readonly apiservers: number
  readonly controllerManagers: number
  readonly schedulers: number
  readonly nodes: number
}

export const defaultSize: SimClusterSize = {
  members: 3,
  apiservers: 2,
  controllerManagers: 2,
  schedulers: 2,
  nodes: 3,
}

/** Short Leases, so that a run of seconds sees leaders change hands. */
const leaderElection = { leaseDurationMs: 3000, renewDeadlineMs: 2000, retryPeriodMs: 500 }

const storeCa = 'store-ca'
const clusterCa = 'cluster-ca'
const peerPort = 2380
const clientPort = 2379
const apiPort = 6443

function numbered(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`)
}

function podCidrOf(nodeName: string): string {
  return `10.244.${nodeName.slice(1)}.0/24`
}

export class SimCluster {
  readonly world: SimWorld
  readonly members: readonly string[]
  readonly apiservers: readonly string[]
  /** Every slot's name, in order of start. */
  readonly names: readonly string[]
  /** Every host that faults may cut off. */
  readonly hosts: readonly string[]
  readonly #slots = new Map<string, Slot>()
  readonly #nodeHosts = new Map<string, NodeHost>()

  constructor(world: SimWorld, size: SimClusterSize = defaultSize) {
    this.world = world
    this.members = numbered('m', size.members)
    this.apiservers = numbered('a', size.apiservers)
    for (const name of this.members) this.#addMember(name)
    for (const name of this.apiservers) this.#add(name, (powers) => this.#startApiserver(powers, name))
    for (const name of numbered('c', size.controllerManagers))
      this.#add(name, (powers) => this.#startControllers(powers, name))
    for (const name of numbered('s', size.schedulers))
      this.#add(name, (powers) => this.#startScheduler(powers, name))
    for (const name of numbered('n', size.nodes)) this.#addNode(name)
    this.names = [...this.#slots.keys()]
    this.hosts = this.names
  }

  slot(name: string): Slot {
    const slot = this.#slots.get(name)
    if (slot === undefined)
      throw new Error(`no process is called ${name}; there are ${this.names.join(', ')}`)
    return slot
  }

  startAll(): void {
    for (const slot of this.#slots.values()) slot.start()
  }

  /** A store client of a process outside the cluster. */
  storeClient(powers: Powers, members: readonly string[] = this.members): StoreClient {
    return createStoreClient(powers, {
      endpoints: members.map((host) => ({ host, port: clientPort })),
      tls: simIdentity(storeCa, 'skedia-apiserver'),
    })
  }

  /** An API client of a process outside the cluster. */
  apiClient(powers: Powers, tls: TlsIdentity, userAgent: string): ApiClient {
    const servers = this.apiservers.map((host) => `https://${host}:${apiPort}`)
    return createApiClient(powers, { servers, tls, userAgent })
  }

  adminIdentity(): TlsIdentity {
    return simIdentity(clusterCa, 'kubernetes-admin', ['system:masters'])
  }

  #add(
    name: string,
    start: (powers: Powers, process: SimProcess) => Promise<Component>,
    onDeath?: (cause: 'killed' | 'power cut') => void,
  ): void {
    const machine = this.world.machine(name)
    this.#slots.set(name, new Slot(this.world, { name, machine, start, ...(onDeath ? { onDeath } : {}) }))
  }

  /** Powers of what belongs to a machine and outlives its processes: its pretended LevelDB, its containers. */
  #hardware(name: string): Powers {
    return this.world.startProcess({
      name: `${name}-hardware`,
      machine: this.world.machine(`${name}-hardware`),
    }).powers
  }

  #addMember(name: string): void {
    const backend = new MemoryBackendHost({ clock: this.#hardware(name).clock })
    const initialCluster = this.members.map((member): { name: string; address: Address } => ({
      name: member,
      address: { host: member, port: peerPort },
    }))
    const start = (powers: Powers): Promise<Component> =>
      startStoreMember(powers, {
        name,
        dataDir: '/data',
        initialCluster,
        initialClusterToken: 'simulation',
        listenPeer: { host: name, port: peerPort },
        listenClient: { host: name, port: clientPort },
        tls: simIdentity(storeCa, `member ${name}`),
        peerTls: simIdentity(storeCa, `member ${name}`),
        backend,
        raftTuning: { snapshotEntries: 200, catchUpEntries: 50, walSegmentBytes: 64 * 1024 },
      })
    this.#add(name, start, (cause) => {
      if (cause === 'killed') backend.kill()
      else backend.crash(this.world.random.fork(`backend ${name} ${this.world.loop.eventCount}`))
    })
  }

  #startApiserver(powers: Powers, name: string): Promise<Component> {
    const key = simTokenKey('service accounts')
    const address = { host: name, port: apiPort }
    return startApiserver(powers, {
      name,
      bindAddresses: [address],
      // Endpoints must be IP addresses; nobody in the simulation goes through Service `kubernetes`.
      advertiseAddress: { host: `10.0.0.${name.slice(1)}`, port: apiPort },
      tls: simIdentity(clusterCa, `apiserver ${name}`),
      clientCa: clusterCa,
      store: this.storeClient(powers),
      serviceAccountKey: { privateKey: key.privateKey, publicKeys: [key.publicKey] },
      serviceAccountIssuer: 'https://kubernetes.default.svc.cluster.local',
      kubeletClientTls: simIdentity(clusterCa, 'kube-apiserver-kubelet-client', ['system:masters']),
      serviceCidr: '10.96.0.0/16',
      clusterDomain: 'cluster.local',
    })
  }

  #startControllers(powers: Powers, identity: string): Promise<Component> {
    const client = this.apiClient(
      powers,
      simIdentity(clusterCa, 'system:kube-controller-manager'),
      'kube-controller-manager',
    )
    return startControllerManager(powers, { identity, client, rootCa: clusterCa, leaderElection })
  }

  #startScheduler(powers: Powers, identity: string): Promise<Component> {
    const client = this.apiClient(powers, simIdentity(clusterCa, 'system:kube-scheduler'), 'kube-scheduler')
    return startScheduler(powers, { identity, client, leaderElection })
  }

  #addNode(name: string): void {
    // The containers belong to the machine, not to the kubelet: they go on while it is dead.
    this.#nodeHosts.set(name, createFakeNodeHost(this.#hardware(name), { podCidr: podCidrOf(name) }))
    this.#add(name, (powers, process) => this.#startKubelet(powers, process, name))
  }

  #startKubelet(powers: Powers, process: SimProcess, nodeName: string): Promise<Component> {
    const host = this.#nodeHosts.get(nodeName)
    if (host === undefined) throw new Error(`node ${nodeName} has no host`)
    const identity = simIdentity(clusterCa, `system:node:${nodeName}`, ['system:nodes'])
    return startKubelet(
      powers,
      {
        nodeName,
        client: this.apiClient(powers, identity, 'kubelet'),
        rootDir: '/var/lib/kubelet',
        address: nodeName,
        port: undefined,
        podCidr: podCidrOf(nodeName),
        clusterDomain: 'cluster.local',
        serverTls: identity,
        nodeLabels: {},
      },
      guardService(process, host),
    )
  }
}
