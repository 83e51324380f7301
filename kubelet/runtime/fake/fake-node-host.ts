/**
 * A whole machine in memory, for `--fake-nodes`, for machines without root or runc, and for the
 * simulation. Nothing runs on it, and it says so. It outlives the kubelets that use it.
 */
import type { Pod } from '../../../api/types.ts'
import type { Clock } from '../../../platform/clock.ts'
import { NetworkError } from '../../../platform/network.ts'
import { type Image, ImageError, type ImageService } from '../../images/image-service.ts'
import { formatReference, parseReference } from '../../images/reference.ts'
import type { PodNetwork, Sandbox, SandboxRequest } from '../../network/pod-network.ts'
import type { MachineFacts, NodeHost, PodCheckpoints } from '../../node-host.ts'
import type { VolumeHost } from '../../volumes/volume-host.ts'
import { FakeRuntime } from './fake-runtime.ts'

export interface FakeNodeHostOptions {
  /** Pods get its addresses from .2 on. */
  readonly podCidr: string
  readonly facts?: Partial<MachineFacts> | undefined
  /** How long making a container takes; default 20 ms. */
  readonly createMs?: number | undefined
  /** From SIGTERM to the container's end; default 50 ms. */
  readonly terminateMs?: number | undefined
}

export interface FakeNodeHost extends NodeHost {
  /** The machine loses power: every container and sandbox is gone; what was on disk is not. */
  crash(): void
}

const gibibyte = 1024 ** 3

/** Makes the machine. */
export function createFakeNodeHost(
  powers: { readonly clock: Clock },
  options: FakeNodeHostOptions,
): FakeNodeHost {
  const { clock } = powers
  const runtime = new FakeRuntime({
    clock,
    createMs: options.createMs ?? 20,
    terminateMs: options.terminateMs ?? 50,
  })
  const network = new FakeNetwork(clock, options.podCidr)
  return {
    runtime,
    network,
    images: new FakeImages(),
    volumes: createFakeVolumes(),
    checkpoints: createMemoryCheckpoints(),
    facts: async () => ({
      cpuMillis: 4000,
      memoryBytes: 8 * gibibyte,
      ephemeralStorageBytes: 100 * gibibyte,
      architecture: 'amd64',
      operatingSystem: 'linux',
      kernelVersion: 'simulated',
      osImage: 'Skedia simulated node',
      machineId: '',
      bootId: '',
      systemUuid: '',
      ...options.facts,
    }),
    usage: async () => ({
      memoryAvailableBytes: 6 * gibibyte,
      diskAvailableBytes: 80 * gibibyte,
      diskCapacityBytes: 100 * gibibyte,
      processesAvailable: 30_000,
    }),
    resolvConf: () => '',
    crash: () => {
      runtime.crashAll()
      network.crash()
    },
  }
}

/** Every well-formed name is an image, except those that end in `missing` or `does-not-exist`. */
class FakeImages implements ImageService {
  readonly #images = new Map<string, Image>()

  async find(name: string): Promise<Image | undefined> {
    return this.#images.get(formatReference(parseReference(name)))
  }

  async pull(name: string): Promise<Image> {
    const reference = parseReference(name)
    const full = formatReference(reference)
    if (/(missing|does-not-exist)$/.test(reference.repository)) {
      throw new ImageError(
        'ErrImagePull',
        `failed to pull image "${full}": not found (simulated: names that end in "missing" do not exist)`,
      )
    }
    const image: Image = {
      id: `sha256:${hexOf(full)}`,
      names: [full],
      digests: [],
      sizeBytes: 1_000_000,
      config: {
        entrypoint: ['/simulated'],
        command: [],
        environment: [],
        user: '',
        workingDirectory: '/',
        stopSignal: undefined,
      },
      layers: [],
    }
    this.#images.set(full, image)
    return image
  }

  async list(): Promise<readonly Image[]> {
    return [...this.#images.values()]
  }

  async remove(id: string): Promise<boolean> {
    for (const [name, image] of this.#images) if (image.id === id) this.#images.delete(name)
    return true
  }
}

/** 64 hexadecimal digits that depend on the text. */
function hexOf(text: string): string {
  let hash = 0x811c9dc5
  let digits = ''
  for (let round = 0; round < 8; round += 1) {
    for (const byte of new TextEncoder().encode(`${round}${text}`))
      hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
    digits += hash.toString(16).padStart(8, '0')
  }
  return digits
}

class FakeNetwork implements PodNetwork {
  readonly #clock: Clock
  readonly #prefix: string
  readonly #sandboxes = new Map<string, Sandbox>()
  #next = 2

  constructor(clock: Clock, podCidr: string) {
    this.#clock = clock
    this.#prefix = podCidr.split('.').slice(0, 3).join('.')
  }

  problem(): undefined {
    return undefined
  }

  async setUp(request: SandboxRequest): Promise<Sandbox> {
    const sandbox: Sandbox = {
      id: request.id,
      podUid: request.podUid,
      podNamespace: request.podNamespace,
      podName: request.podName,
      ip: request.usesHostNetwork ? '' : this.#freeAddress(),
      createdAtMs: this.#clock.wallMs(),
      isReady: true,
      namespaces: { usesHostIpc: request.usesHostIpc, usesHostPid: request.usesHostPid },
    }
    this.#sandboxes.set(request.id, sandbox)
    return sandbox
  }

  async tearDown(sandboxId: string): Promise<void> {
    this.#sandboxes.delete(sandboxId)
  }

  async list(): Promise<readonly Sandbox[]> {
    return [...this.#sandboxes.values()]
  }

  async get(): Promise<{ readonly status: number; readonly body: string }> {
    return { status: 200, body: 'simulated' }
  }

  async dial(target: { readonly host: string; readonly port: number }): Promise<never> {
    const message = `cannot connect to ${target.host}:${target.port}: the pod is simulated, nothing listens`
    throw new NetworkError({ code: 'ECONNREFUSED', message, maybeDelivered: false })
  }

  /** See `FakeNodeHost.crash`. */
  crash(): void {
    for (const [id, sandbox] of this.#sandboxes) this.#sandboxes.set(id, { ...sandbox, isReady: false })
  }

  #freeAddress(): string {
    const used = new Set(Array.from(this.#sandboxes.values(), (sandbox) => sandbox.ip))
    for (let tries = 0; tries < 253; tries += 1) {
      const ip = `${this.#prefix}.${this.#next}`
      this.#next = this.#next >= 254 ? 2 : this.#next + 1
      if (!used.has(ip)) return ip
    }
    throw new Error(`no free address in ${this.#prefix}.0/24: 253 pods have one`)
  }
}

function createFakeVolumes(): VolumeHost {
  const pods = new Set<string>()
  const path = (podUid: string, name: string) => {
    pods.add(podUid)
    return `/simulated/${podUid}/${name}`
  }
  return {
    prepareDirectory: async ({ podUid, volume }) => path(podUid, volume),
    writeFiles: async ({ podUid, volume }) => path(podUid, volume),
    find: async (podUid, volume) => (pods.has(podUid) ? path(podUid, volume) : undefined),
    checkHostPath: async () => {},
    resolveSubPath: async (volumePath, subPath) => `${volumePath}/${subPath}`,
    writePodFile: async (podUid, name) => path(podUid, name),
    removePod: async (podUid) => void pods.delete(podUid),
    listPods: async () => [...pods],
  }
}

/** Checkpoints that live as long as the fake machine. */
function createMemoryCheckpoints(): PodCheckpoints {
  const pods = new Map<string, Pod>()
  return {
    load: async () => [...pods.values()],
    save: async (pod) => void pods.set(pod.metadata.uid ?? '', pod),
    remove: async (podUid) => void pods.delete(podUid),
  }
}
