/**
 * A container's `config.json`. Pure: a spec and what is known of the machine in, an OCI runtime-spec 1.0
 * document out.
 *
 * Source: OCI runtime-spec config.md and config-linux.md; defaults as containerd's `oci.WithDefaultSpec`.
 */
import type { ContainerMount, ContainerResources, ContainerSpec } from '../oci-runtime.ts'
import { runtimeDefaultSeccomp } from './seccomp.ts'

/** What the spec leaves to the machine. */
export interface BundleFacts {
  /** Absolute path of the mounted root file system. */
  readonly rootfs: string
  /** Path below every controller's mount: `/skedia/n1/kubepods/pod…/…`. */
  readonly cgroupsPath: string
  readonly cgroupVersion: 1 | 2
  readonly user: ResolvedUser
  /** Host path of the file that takes the container's last word. */
  readonly terminationFile: string
  /** True when the pod shares `/dev/shm` by a mount of its own. */
  readonly hasSharedMemoryMount: boolean
}

export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  readonly additionalGids: readonly number[]
}

const defaultCapabilities = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
] as const

const furtherCapabilities = [
  'CAP_AUDIT_CONTROL',
  'CAP_AUDIT_READ',
  'CAP_BLOCK_SUSPEND',
  'CAP_DAC_READ_SEARCH',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_LEASE',
  'CAP_LINUX_IMMUTABLE',
  'CAP_MAC_ADMIN',
  'CAP_MAC_OVERRIDE',
  'CAP_NET_ADMIN',
  'CAP_NET_BROADCAST',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_MODULE',
  'CAP_SYS_NICE',
  'CAP_SYS_PACCT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
] as const

const allCapabilities: readonly string[] = [...defaultCapabilities, ...furtherCapabilities]

const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/firmware',
] as const

const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'] as const

/** The document. Stable: the same input gives the same text. */
export function configJson(spec: ContainerSpec, facts: BundleFacts): Readonly<Record<string, unknown>> {
  const { security } = spec
  return {
    ociVersion: '1.0.2',
    process: processOf(spec, facts.user),
    root: { path: facts.rootfs, readonly: security.hasReadOnlyRoot },
    hostname: spec.hostname,
    mounts: mountsOf(spec, facts),
    linux: {
      namespaces: namespacesOf(spec, facts),
      cgroupsPath: facts.cgroupsPath,
      resources: resourcesOf(spec.resources, security.isPrivileged),
      rootfsPropagation: spec.mounts.some((mount) => mount.propagation === 'rshared') ? 'rshared' : 'rslave',
      ...(security.isPrivileged || security.isProcUnmasked ? {} : { maskedPaths, readonlyPaths }),
      ...(security.seccomp === 'runtime-default' && !security.isPrivileged
        ? { seccomp: runtimeDefaultSeccomp }
        : {}),
      ...(Object.keys(security.sysctls).length === 0 ? {} : { sysctl: security.sysctls }),
    },
  }
}

function processOf(spec: ContainerSpec, user: ResolvedUser): Readonly<Record<string, unknown>> {
  const capabilities = capabilitiesOf(spec)
  const isRoot = user.uid === 0
  return {
    terminal: spec.hasTty,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: spec.arguments,
    env: spec.environment.map(({ name, value }) => `${name}=${value}`),
    cwd: spec.workingDirectory === '' ? '/' : spec.workingDirectory,
    // Another user than root gets none in effect, only the bound up to which setuid programs may go.
    capabilities: isRoot
      ? { bounding: capabilities, effective: capabilities, permitted: capabilities }
      : { bounding: capabilities },
    noNewPrivileges: !spec.security.allowsPrivilegeEscalation,
    oomScoreAdj: spec.resources.oomScoreAdj,
  }
}

/** The bounding set: the defaults, less what is dropped, plus what is added; `ALL` means all. */
export function capabilitiesOf(spec: ContainerSpec): readonly string[] {
  const { security } = spec
  if (security.isPrivileged) return [...allCapabilities].sort()
  const added = security.addedCapabilities.map(capabilityName)
  const dropped = security.droppedCapabilities.map(capabilityName)
  const base = added.includes('CAP_ALL')
    ? allCapabilities
    : dropped.includes('CAP_ALL')
      ? []
      : defaultCapabilities
  const kept = base.filter((name) => !dropped.includes(name))
  return [...new Set([...kept, ...added.filter((name) => name !== 'CAP_ALL')])].sort()
}

function capabilityName(name: string): string {
  const upper = name.toUpperCase()
  return upper.startsWith('CAP_') ? upper : `CAP_${upper}`
}

function namespacesOf(
  spec: ContainerSpec,
  facts: BundleFacts,
): readonly { readonly type: string; readonly path?: string }[] {
  const { networkPath, ipcPath, usesHostIpc, usesHostPid } = spec.namespaces
  return [
    { type: 'mount' },
    { type: 'uts' },
    ...(facts.cgroupVersion === 2 && !spec.security.isPrivileged ? [{ type: 'cgroup' }] : []),
    ...(usesHostPid ? [] : [{ type: 'pid' }]),
    ...(usesHostIpc ? [] : [ipcPath === undefined ? { type: 'ipc' } : { type: 'ipc', path: ipcPath }]),
    ...(networkPath === undefined ? [] : [{ type: 'network', path: networkPath }]),
  ]
}

interface OciMount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
}

function mountsOf(spec: ContainerSpec, facts: BundleFacts): readonly OciMount[] {
  const own = new Set(spec.mounts.map((mount) => mount.destination))
  const isWritable = spec.security.isPrivileged
  const access = isWritable ? 'rw' : 'ro'
  const system: OciMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    ...(facts.hasSharedMemoryMount
      ? []
      : [
          {
            destination: '/dev/shm',
            type: 'tmpfs',
            source: 'shm',
            options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
          },
        ]),
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', access] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', access],
    },
  ]
  const last: OciMount[] = own.has(spec.terminationMessagePath)
    ? []
    : [
        {
          destination: spec.terminationMessagePath,
          type: 'bind',
          source: facts.terminationFile,
          options: ['rbind', 'rprivate', 'rw'],
        },
      ]
  const wanted = [...spec.mounts].sort((a, b) => depth(a) - depth(b))
  return [...system.filter((mount) => !own.has(mount.destination)), ...wanted.map(mountOf), ...last]
}

function depth(mount: ContainerMount): number {
  return mount.destination.split('/').length
}

function mountOf(mount: ContainerMount): OciMount {
  const access = mount.isReadOnly ? 'ro' : 'rw'
  if (mount.type === 'tmpfs') {
    return {
      destination: mount.destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'nodev', 'mode=1777', access],
    }
  }
  const propagation = { private: 'rprivate', rslave: 'rslave', rshared: 'rshared' }[
    mount.propagation ?? 'private'
  ]
  return {
    destination: mount.destination,
    type: 'bind',
    source: mount.source,
    options: ['rbind', propagation, access],
  }
}

function resourcesOf(
  resources: ContainerResources,
  isPrivileged: boolean,
): Readonly<Record<string, unknown>> {
  const { cpuShares, cpuQuotaUs, cpuPeriodUs, memoryLimitBytes, pidsLimit } = resources
  return {
    devices: [{ allow: isPrivileged, access: 'rwm' }],
    cpu: {
      shares: cpuShares,
      ...(cpuQuotaUs === undefined ? {} : { quota: cpuQuotaUs, period: cpuPeriodUs }),
    },
    ...(memoryLimitBytes === undefined
      ? {}
      : { memory: { limit: memoryLimitBytes, swap: memoryLimitBytes } }),
    ...(pidsLimit === undefined ? {} : { pids: { limit: pidsLimit } }),
  }
}
