/** A real machine: runc below shims, overlayfs, CNI, volumes on disk. */
import type { Pod } from '../api/types.ts'
import type { Files } from '../platform/files.ts'
import type { Powers } from '../platform/powers.ts'
import { openImageStore } from './images/index.ts'
import type { RegistryOptions } from './images/registry.ts'
import { createCniNetwork } from './network/cni-network.ts'
import type { NodeHost, PodCheckpoints } from './node-host.ts'
import { openCgroups } from './runtime/oci/cgroups.ts'
import { openLinuxRuntime } from './runtime/oci/linux-runtime.ts'
import { machineFacts, machineUsage } from './runtime/oci/machine.ts'
import { LinuxVolumeHost } from './volumes/linux-volume-host.ts'

export interface LinuxNodeHostOptions {
  /** The node's own directory. */
  readonly rootDir: string
  readonly podCidr: string
  /** May be shared by the nodes of a machine. Default `<rootDir>/images`. */
  readonly imagesDir?: string | undefined
  /** `runc` (default) or `crun`. */
  readonly runtime?: string | undefined
  /** The runtime's own state. Default `/run/runc`, where `runc list` looks. */
  readonly runtimeRoot?: string | undefined
  /** The node's name among the control groups: `/skedia/<cluster>/<node>`. */
  readonly cgroupRoot: string
  readonly cniBinDirs?: readonly string[] | undefined
  /** Name of the pods' bridge in the node's network namespace. Default `cni0`. */
  readonly bridge?: string | undefined
  readonly mtu?: number | undefined
  readonly registryMirrors?: RegistryOptions['mirrors'] | undefined
  readonly registryAuthority?: string | undefined
}

export type LinuxNodePowers = Pick<Powers, 'clock' | 'crypto' | 'files' | 'log' | 'network' | 'processes'>

const pluginDirsDefault = ['/usr/lib/cni', '/opt/cni/bin']

/** Opens the machine over its directory. @throws Error that says what is missing */
export async function createLinuxNodeHost(
  powers: LinuxNodePowers,
  options: LinuxNodeHostOptions,
): Promise<NodeHost> {
  const { clock, files, processes, log, network } = powers
  const { rootDir } = options
  checkPrograms(files, options.runtime ?? 'runc')
  files.makeDirectory(rootDir, { mode: 0o711 })
  const facts = await machineFacts(powers, rootDir)
  const runtime = await openLinuxRuntime({
    clock,
    processes,
    files,
    log,
    cgroups: openCgroups(files),
    rootDir,
    runtime: options.runtime ?? 'runc',
    runtimeRoot: options.runtimeRoot ?? '/run/runc',
    cgroupRoot: options.cgroupRoot,
    architecture: facts.architecture,
  })
  return {
    runtime,
    images: openImageStore(powers, {
      directory: options.imagesDir ?? `${rootDir}/images`,
      architecture: facts.architecture,
      registryMirrors: options.registryMirrors,
      certificateAuthority: options.registryAuthority,
    }),
    network: createCniNetwork({
      clock,
      files,
      processes,
      network,
      rootDir,
      pluginDirs: options.cniBinDirs ?? pluginDirsDefault,
      podCidr: options.podCidr,
      bridge: options.bridge ?? 'cni0',
      mtu: options.mtu,
    }),
    volumes: new LinuxVolumeHost({ files, processes, rootDir }),
    checkpoints: createFileCheckpoints(files, `${rootDir}/checkpoints`),
    facts: async () => facts,
    usage: () => machineUsage(powers, rootDir),
    resolvConf: () => (files.exists('/etc/resolv.conf') ? files.readText('/etc/resolv.conf') : ''),
  }
}

/** What is run here, and the Debian package that has it. */
const programs: Readonly<Record<string, string>> = {
  perl: 'perl-base',
  mount: 'mount',
  umount: 'mount',
  unshare: 'util-linux',
  ip: 'iproute2',
  tar: 'tar',
}
const programDirs = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'] as const

/** @throws Error that names every missing program and its package */
function checkPrograms(files: Files, runtime: string): void {
  const isThere = (name: string) =>
    name.startsWith('/')
      ? files.exists(name)
      : programDirs.some((directory) => files.exists(`${directory}/${name}`))
  const missing = Object.entries({ ...programs, [runtime]: runtime }).filter(([name]) => !isThere(name))
  if (missing.length === 0) return
  const names = missing.map(([name]) => name).join(', ')
  const packages = [...new Set(missing.map(([, owner]) => owner))].join(' ')
  throw new Error(
    `cannot run containers on this machine: ${names} missing; apt-get install ${packages}, or use the fake runtime`,
  )
}

/** One file per pod, replaced whole. */
export function createFileCheckpoints(files: Files, directory: string): PodCheckpoints {
  files.makeDirectory(directory, { mode: 0o700 })
  const saved = new Map<string, string>()
  return {
    load: async () => {
      const pods: Pod[] = []
      for (const name of files.list(directory)) {
        if (!name.endsWith('.json')) continue
        const text = files.readText(`${directory}/${name}`)
        try {
          pods.push(JSON.parse(text) as Pod) // unsafe: only `save` writes the file, by rename
        } catch {
          files.remove(`${directory}/${name}`)
        }
      }
      return pods
    },
    save: async (pod) => {
      const uid = pod.metadata.uid ?? ''
      const text = JSON.stringify(pod)
      if (saved.get(uid) === text) return
      saved.set(uid, text)
      files.write(`${directory}/${uid}.json`, text, { mode: 0o600 })
    },
    remove: async (podUid) => {
      saved.delete(podUid)
      files.remove(`${directory}/${podUid}.json`)
    },
  }
}
