/** Real containers: runc, overlayfs, cgroups, CNI. Runs as root where they are; the test runner decides. */
import t from 'tap'
import { configMaps } from '../api/core/config-map.ts'
import { pods } from '../api/core/pod.ts'
import type { ContainerStateTerminated, Pod, PodSpec } from '../api/types.ts'
import { sleep } from '../platform/clock.ts'
import { createAuthority, issueCertificate } from '../platform/node/certificates.ts'
import { createNodePowers } from '../platform/node/powers.ts'
import {
  buildWebImages,
  createLinuxNodeHost,
  type Kubelet,
  machineArchitecture,
  type NodeHost,
  startKubelet,
} from './index.ts'
import { MemoryApi } from './testing/memory-api.ts'
import { containerOf, podOf } from './testing/pod-fixtures.ts'

const powers = createNodePowers({ component: 'test', logLevel: 'error' })
const { clock, files, processes } = powers
const rootDir = t.testdir()
const imagesDir = `${rootDir}/images`
const nodeDir = `${rootDir}/n1`
const podCidr = `10.251.${processes.pid % 250}.0/24`
const bridge = `skt${processes.pid % 100_000}`
const cgroupRoot = `/skedia-test/${processes.pid}`
const api = new MemoryApi(clock)
const podApi = api.resource(pods, 'default')

let host: NodeHost
let kubelet: Kubelet

async function start(): Promise<void> {
  host = await createLinuxNodeHost(powers, { rootDir: nodeDir, imagesDir, podCidr, bridge, cgroupRoot })
  const authority = await createAuthority({ commonName: 'test' })
  const serverTls = await issueCertificate(authority, {
    commonName: 'system:node:n1',
    organizations: ['system:nodes'],
    dnsNames: ['n1'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server', 'client'],
    days: 1,
  })
  const config = { nodeName: 'n1', client: api, rootDir: nodeDir, address: '127.0.0.1', port: 0, podCidr }
  kubelet = await startKubelet(
    powers,
    { ...config, serverTls: { ...serverTls, certificateAuthority: authority.certificate } },
    host,
  )
}

async function stop(): Promise<void> {
  await kubelet.close()
  await host.runtime.close()
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const endMs = clock.monotonicMs() + 20_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (clock.monotonicMs() > endMs)
      throw new Error(
        `waited 20 s for ${what}: ${JSON.stringify((await podApi.list()).items.map((pod) => pod.status))}`,
      )
    await sleep(clock, 10)
  }
}

async function create(name: string, spec: Partial<PodSpec>): Promise<void> {
  await podApi.create(podOf({ restartPolicy: 'Never', terminationGracePeriodSeconds: 2, ...spec }, name))
}

function untilPod(name: string, what: string, holds: (pod: Pod) => boolean): Promise<Pod> {
  return until(`pod ${name} ${what}`, async () => {
    const pod = await podApi.get(name)
    return holds(pod) ? pod : undefined
  })
}

const isReady = (pod: Pod) =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
const isOver = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** How the one container of a pod that runs to its end ended. */
async function endOf(name: string): Promise<ContainerStateTerminated | undefined> {
  const pod = await untilPod(name, 'to end', isOver)
  return pod.status?.containerStatuses?.[0]?.state?.terminated
}

async function logOf(name: string): Promise<string> {
  const [record] = (await host.runtime.list()).filter((one) => one.podName === name)
  return new TextDecoder().decode(host.runtime.readLog(record?.id ?? '', 0, 100_000))
}

async function deletePod(name: string, gracePeriodSeconds: number): Promise<void> {
  await podApi.delete(name, { gracePeriodSeconds })
  await until(`pod ${name} to be gone`, async () =>
    (await podApi.list()).items.some((pod) => pod.metadata.name === name) ? undefined : true,
  )
}

async function shell(command: string): Promise<string> {
  const { stdout } = await processes.run({
    command: 'sh',
    args: ['-c', command],
    timeoutMs: 20_000,
    allowFailure: true,
  })
  return stdout.trim()
}

t.before(async () => {
  await buildWebImages(powers, { directory: imagesDir, architecture: machineArchitecture() })
  await start()
})

t.teardown(async () => {
  await stop()
  api.close()
  await shell(
    `ip link delete ${bridge}; for d in /sys/fs/cgroup/*/skedia-test /sys/fs/cgroup/skedia-test; do [ -d $d ] && find $d -depth -type d -exec rmdir {} +; done`,
  )
})

const script = (text: string) => ({ command: ['sh', '-c', text] })

t.test("the web image answers at its pod's address with its pod's name", async (t) => {
  await create('web', { containers: [containerOf('web')] })
  const pod = await untilPod('web', 'to be ready', isReady)
  const { body } = await host.network.get({
    url: `http://${pod.status?.podIP}:8080/`,
    headers: {},
    timeoutMs: 5000,
    signal: new AbortController().signal,
  })
  t.equal(body, 'web version 1 on pod web\n')
  t.match(await shell('runc list'), /running/)
  t.match(
    await logOf('web'),
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout F web version 1 listening on port 8080 as web\n/,
  )
})

t.test('exit codes, both outputs and a line without an end are kept', async (t) => {
  await create('job', {
    containers: [containerOf('c', script('echo out; echo err >&2; printf tail; exit 3'))],
  })
  t.match(await endOf('job'), { exitCode: 3, reason: 'Error' })
  const lines = (await logOf('job')).split('\n').map((line) => line.split(' ').slice(1).join(' '))
  t.same(lines.filter((line) => line !== '').sort(), ['stderr F err', 'stdout F out', 'stdout P tail'])
})

t.test('a container that uses more memory than its limit is killed and called OOMKilled', async (t) => {
  const resources = { limits: { memory: '24Mi' } }
  await create('hungry', {
    containers: [containerOf('c', { ...script('dd if=/dev/zero of=/dev/null bs=200M count=1'), resources })],
  })
  t.match(await endOf('hungry'), { exitCode: 137, reason: 'OOMKilled' })
})

t.test('an exit that happened while no kubelet ran is known to the next one', async (t) => {
  await create('late', { containers: [containerOf('c', script('echo begin; sleep 1; exit 7'))] })
  await untilPod('late', 'to run', (pod) => pod.status?.phase === 'Running')
  await stop()
  const exits = `${nodeDir}/exits`
  const before = files.list(exits).length
  await until('the shim to write the exit', async () =>
    files.list(exits).length > before ? true : undefined,
  )
  await start()
  t.match(await endOf('late'), { exitCode: 7, reason: 'Error' })
  const web = await podApi.get('web')
  t.equal(web.status?.containerStatuses?.[0]?.restartCount, 0, 'others went on meanwhile')
})

t.test('SIGTERM is given its grace, and SIGKILL comes when it is over', async (t) => {
  await create('polite', {
    containers: [containerOf('c', script('trap "echo bye; exit 0" TERM; while :; do sleep 0.05; done'))],
  })
  await create('deaf', {
    containers: [containerOf('c', script('trap "" TERM; while :; do sleep 0.05; done'))],
  })
  await untilPod('polite', 'to run', isReady)
  await untilPod('deaf', 'to run', isReady)
  const begunMs = clock.monotonicMs()
  await deletePod('polite', 20)
  t.ok(clock.monotonicMs() - begunMs < 5000, 'the polite one did not use its grace up')
  const deafMs = clock.monotonicMs()
  await deletePod('deaf', 1)
  const tookMs = clock.monotonicMs() - deafMs
  t.ok(tookMs >= 1000 && tookMs < 8000, `the deaf one was killed after ${tookMs.toFixed(0)} ms`)
})

t.test('volumes, environment, users and a read-only root are as the pod says', async (t) => {
  await api.resource(configMaps, 'default').create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'default' },
    data: { colour: 'blue' },
  })
  const look = [
    'echo "$COLOUR $(cat /settings/colour) $(id -u):$(id -g)"',
    'touch /root-is-writable 2>/dev/null || echo read-only',
    'echo shared > /shared/file && cat /shared/file',
    'grep -c "$(hostname)" /etc/hosts',
    'cat /proc/1/oom_score_adj',
  ].join('\n')
  await create('looks', {
    securityContext: { fsGroup: 4000 },
    volumes: [
      { name: 'settings', configMap: { name: 'settings' } },
      { name: 'shared', emptyDir: {} },
    ],
    containers: [
      containerOf('c', {
        ...script(look),
        env: [{ name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } }],
        volumeMounts: [
          { name: 'settings', mountPath: '/settings' },
          { name: 'shared', mountPath: '/shared' },
        ],
        securityContext: { runAsUser: 1234, runAsGroup: 2345, readOnlyRootFilesystem: true },
      }),
    ],
  })
  t.match(await endOf('looks'), { exitCode: 0, reason: 'Completed' })
  const lines = (await logOf('looks')).split('\n').map((line) => line.split(' ').slice(3).join(' '))
  t.same(lines.slice(0, 5), ['blue blue 1234:2345', 'read-only', 'shared', '1', '1000'])
})

t.test('containers of a pod share address and volumes, and its init container comes first', async (t) => {
  const volumeMounts = [{ name: 'shared', mountPath: '/shared' }]
  const ask = 'until wget -qO- http://localhost:8080/; do sleep 0.1; done; cat /shared/who; sleep 1000'
  await create('two', {
    initContainers: [containerOf('i', { ...script('echo first > /shared/who'), volumeMounts })],
    volumes: [{ name: 'shared', emptyDir: { medium: 'Memory' } }],
    containers: [containerOf('c', { ...script(ask), volumeMounts }), containerOf('web')],
  })
  await untilPod('two', 'to be ready', isReady)
  const find = async () =>
    (await host.runtime.list()).find((one) => one.podName === 'two' && one.containerName === 'c')
  const said = await until('the answer', async () => {
    const log = new TextDecoder().decode(host.runtime.readLog((await find())?.id ?? '', 0, 10_000))
    return log.includes('first') ? log : undefined
  })
  t.match(said, /web version 1 on pod two/)
  const { output, exitCode } = await host.runtime.exec(
    (await find())?.id ?? '',
    ['sh', '-c', 'cat /shared/who; exit 4'],
    5000,
  )
  t.same({ output, exitCode }, { output: 'first\n', exitCode: 4 })
  await deletePod('two', 0)
})

t.test('standard input reaches the container, and ends when it is closed', async (t) => {
  await create('input', {
    containers: [containerOf('c', { ...script('cat; echo over'), stdin: true, stdinOnce: true })],
  })
  await untilPod('input', 'to run', isReady)
  const id = (await host.runtime.list()).find((one) => one.podName === 'input')?.id ?? ''
  await host.runtime.writeInput(id, new TextEncoder().encode('hello\n'))
  await host.runtime.closeInput(id)
  t.match(await endOf('input'), { exitCode: 0 })
  const lines = (await logOf('input')).split('\n').map((line) => line.split(' ').slice(1).join(' '))
  t.same(lines.slice(0, 2), ['stdout F hello', 'stdout F over'])
})

t.test('a container with a terminal has its size, and hears its keys', async (t) => {
  await create('terminal', {
    containers: [
      containerOf('c', {
        ...script('trap "exit 5" INT; read go; stty size; while :; do sleep 0.1; done'),
        stdin: true,
        tty: true,
      }),
    ],
  })
  await untilPod('terminal', 'to run', isReady)
  const id = (await host.runtime.list()).find((one) => one.podName === 'terminal')?.id ?? ''
  const type = (keys: string) => host.runtime.writeInput(id, new TextEncoder().encode(keys))
  await host.runtime.resize(id, { width: 99, height: 33 })
  await type('\n')
  await until('the size', async () => ((await logOf('terminal')).includes('33 99') ? true : undefined))
  await type('\x03')
  t.match(await endOf('terminal'), { exitCode: 5 })
})

t.test('a command that does not exist says so', async (t) => {
  await create('typo', { containers: [containerOf('c', { command: ['/no-such-program'] })] })
  const pod = await untilPod(
    'typo',
    'to fail',
    (one) => one.status?.containerStatuses?.[0]?.state?.waiting?.message !== undefined,
  )
  t.match(pod.status?.containerStatuses?.[0]?.state?.waiting, {
    reason: 'CreateContainerError',
    message: /no-such-program.*no such file/,
  })
})

t.test('when all pods are deleted nothing of them is left', async (t) => {
  for (const pod of (await podApi.list()).items) await deletePod(pod.metadata.name ?? '', 1)
  await until('the node to be clean', async () =>
    (await host.runtime.list()).length === 0 && files.list(`${nodeDir}/logs`).length === 0 ? true : undefined,
  )
  t.same(await host.network.list(), [])
  for (const name of ['containers', 'exits', 'logs', 'pods', 'sandboxes', 'checkpoints']) {
    t.same(files.list(`${nodeDir}/${name}`), [], name)
  }
  t.equal(await shell(`grep -c ${nodeDir} /proc/self/mountinfo`), '0')
  t.equal(
    await shell(
      `ls -d /sys/fs/cgroup/*${cgroupRoot}/kubepods/*/pod* /sys/fs/cgroup${cgroupRoot}/kubepods/*/pod* 2>/dev/null`,
    ),
    '',
  )
  t.equal(await shell(`ip -o link show master ${bridge} | wc -l`), '0')
  t.same(
    files.list(`${nodeDir}/ipam/skedia`).filter((name) => name.startsWith('10.')),
    [],
  )
})
