import t from 'tap'
import type { ContainerSecurity, ContainerSpec } from '../oci-runtime.ts'
import { type BundleFacts, capabilitiesOf, configJson } from './config-json.ts'

const security: ContainerSecurity = {
  isPrivileged: false,
  addedCapabilities: [],
  droppedCapabilities: [],
  allowsPrivilegeEscalation: true,
  hasReadOnlyRoot: false,
  isProcUnmasked: false,
  seccomp: 'unconfined',
  sysctls: {},
}

function specOf(more: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    id: 'id',
    owner: {
      podUid: 'u',
      podNamespace: 'default',
      podName: 'web',
      containerName: 'c',
      kind: 'main',
      attempt: 0,
      sandboxId: 's',
      specHash: '',
      image: '',
      imageId: '',
    },
    layers: [],
    arguments: ['run'],
    environment: [{ name: 'A', value: 'b' }],
    workingDirectory: '',
    user: '',
    supplementalGroups: [],
    mustRunAsNonRoot: false,
    hostname: 'web',
    namespaces: { networkPath: '/net', ipcPath: '/ipc', usesHostIpc: false, usesHostPid: false },
    mounts: [],
    resources: { cpuShares: 256, cpuPeriodUs: 100_000, oomScoreAdj: 7 },
    security,
    cgroupParent: 'kubepods/podu',
    hasStdin: false,
    hasTty: false,
    terminationMessagePath: '/dev/termination-log',
    fallsBackToLogs: false,
    ...more,
  }
}

const facts: BundleFacts = {
  rootfs: '/root',
  cgroupsPath: '/skedia/n1/kubepods/podu/id',
  cgroupVersion: 1,
  user: { uid: 0, gid: 0, additionalGids: [] },
  terminationFile: '/t',
  hasSharedMemoryMount: false,
}

interface Config {
  readonly process: {
    args: string[]
    env: string[]
    cwd: string
    noNewPrivileges: boolean
    oomScoreAdj: number
    capabilities: Record<string, string[]>
  }
  readonly mounts: { destination: string; source: string; options: string[] }[]
  readonly linux: {
    namespaces: { type: string; path?: string }[]
    resources: Record<string, unknown>
    maskedPaths?: string[]
    cgroupsPath: string
    seccomp?: object
  }
  readonly root: { readonly: boolean }
}

function config(more: Partial<ContainerSpec> = {}, own: Partial<BundleFacts> = {}): Config {
  return JSON.parse(JSON.stringify(configJson(specOf(more), { ...facts, ...own }))) as Config // unsafe: read by the tests only
}

const namespaces = (made: Config) =>
  made.linux.namespaces.map(({ type, path }) => (path === undefined ? type : `${type}=${path}`))

t.test("a container joins its pod's network and IPC, and has mount, UTS and PID of its own", async (t) => {
  t.same(namespaces(config()), ['mount', 'uts', 'pid', 'ipc=/ipc', 'network=/net'])
})

t.test("a pod on the host's namespaces joins none", async (t) => {
  t.same(namespaces(config({ namespaces: { usesHostIpc: true, usesHostPid: true } })), ['mount', 'uts'])
})

t.test('with cgroup v2 the container sees only its own group', async (t) => {
  t.ok(namespaces(config({}, { cgroupVersion: 2 })).includes('cgroup'))
  t.notOk(namespaces(config()).includes('cgroup'))
})

t.test("limits are the kernel's; swap is none beyond the memory limit", async (t) => {
  const resources = {
    cpuShares: 256,
    cpuPeriodUs: 100_000,
    cpuQuotaUs: 50_000,
    memoryLimitBytes: 1024,
    pidsLimit: 9,
    oomScoreAdj: 7,
  }
  t.match(config({ resources }).linux.resources, {
    cpu: { shares: 256, quota: 50_000, period: 100_000 },
    memory: { limit: 1024, swap: 1024 },
    pids: { limit: 9 },
    devices: [{ allow: false, access: 'rwm' }],
  })
  t.same(Object.keys(config().linux.resources).sort(), ['cpu', 'devices'])
})

t.test('capabilities: defaults, less the dropped, plus the added; ALL works both ways', async (t) => {
  const of = (more: Partial<ContainerSecurity>) =>
    capabilitiesOf(specOf({ security: { ...security, ...more } }))
  t.equal(of({}).length, 14)
  t.same(of({ droppedCapabilities: ['ALL'], addedCapabilities: ['NET_BIND_SERVICE'] }), [
    'CAP_NET_BIND_SERVICE',
  ])
  t.ok(of({ addedCapabilities: ['SYS_ADMIN'] }).includes('CAP_SYS_ADMIN'))
  t.notOk(of({ droppedCapabilities: ['chown'] }).includes('CAP_CHOWN'))
  t.notOk(of({ addedCapabilities: ['ALL'], droppedCapabilities: ['MKNOD'] }).includes('CAP_MKNOD'))
  t.ok(of({ isPrivileged: true, droppedCapabilities: ['ALL'] }).length > 30)
})

t.test('another user than root has no capability in effect', async (t) => {
  t.same(Object.keys(config({}, { user: { uid: 5, gid: 5, additionalGids: [] } }).process.capabilities), [
    'bounding',
  ])
  t.same(Object.keys(config().process.capabilities), ['bounding', 'effective', 'permitted'])
})

t.test('privileged: nothing masked, all devices, /sys writable', async (t) => {
  const made = config({ security: { ...security, isPrivileged: true } })
  t.equal(made.linux.maskedPaths, undefined)
  t.match(made.linux.resources, { devices: [{ allow: true }] })
  t.ok(made.mounts.find(({ destination }) => destination === '/sys')?.options.includes('rw'))
})

t.test('a read-only root and no escalation are passed on', async (t) => {
  const made = config({
    security: {
      ...security,
      hasReadOnlyRoot: true,
      allowsPrivilegeEscalation: false,
      seccomp: 'runtime-default',
    },
  })
  t.equal(made.root.readonly, true)
  t.equal(made.process.noNewPrivileges, true)
  t.ok(made.linux.seccomp)
  t.equal(config().linux.seccomp, undefined)
})

t.test(
  "mounts: outer before inner, the pod's own instead of the system's, the last word at its place",
  async (t) => {
    const mounts = ['/data/inner', '/data', '/sys/fs/cgroup'].map((destination) => ({
      type: 'bind' as const,
      source: `/host${destination}`,
      destination,
      isReadOnly: true,
    }))
    const made = config({ mounts }).mounts
    const at = (destination: string) => made.findIndex((mount) => mount.destination === destination)
    t.ok(at('/data') < at('/data/inner'))
    t.equal(made.filter(({ destination }) => destination === '/sys/fs/cgroup').length, 1)
    t.same(made[at('/data')]?.options, ['rbind', 'rprivate', 'ro'])
    t.match(made[at('/dev/termination-log')], { source: '/t' })
  },
)

t.test('environment, directory and score are as given', async (t) => {
  t.match(config().process, { args: ['run'], env: ['A=b'], cwd: '/', oomScoreAdj: 7 })
})
