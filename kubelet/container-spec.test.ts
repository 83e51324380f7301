import t from 'tap'
import type { Container, PodSpec } from '../api/types.ts'
import { containerSpecOf, oomScoreAdjOf } from './container-spec.ts'
import { ContainerConfigError } from './environment.ts'
import type { Image } from './images/image-service.ts'
import type { ContainerSpec } from './runtime/oci-runtime.ts'
import { containerOf, podOf, sandboxOf } from './testing/pod-fixtures.ts'

const image: Image = {
  id: 'sha256:abc',
  names: [],
  digests: [],
  sizeBytes: 1,
  layers: ['/layers/a'],
  config: {
    entrypoint: ['/entry'],
    command: ['serve'],
    environment: ['COLOUR=red', 'PATH=/bin'],
    user: '7',
    workingDirectory: '/work',
    stopSignal: undefined,
  },
}

function specOf(
  more: Partial<Container> = {},
  spec: Partial<PodSpec> = {},
  own: Image = image,
): ContainerSpec {
  const container = containerOf('c', more)
  return containerSpecOf({
    id: 'id',
    pod: podOf({ ...spec, containers: [container] }),
    container,
    kind: 'main',
    attempt: 0,
    sandbox: sandboxOf(),
    image: own,
    environment: [{ name: 'WHO', value: 'me' }],
    mounts: [],
    hostname: 'web',
    nodeMemoryBytes: 1000,
    podPidsLimit: undefined,
  })
}

t.test("command and args replace the image's, and a command drops its args too", async (t) => {
  t.same(specOf().arguments, ['/entry', 'serve'])
  t.same(specOf({ args: ['x'] }).arguments, ['/entry', 'x'])
  t.same(specOf({ command: ['run', '$(WHO)'] }).arguments, ['run', 'me'])
  t.same(specOf({ command: ['run'], args: ['x'] }).arguments, ['run', 'x'])
})

t.test('an image without a command needs one from the pod', async (t) => {
  const bare = { ...image, config: { ...image.config, entrypoint: [], command: [] } }
  t.throws(() => specOf({}, {}, bare), ContainerConfigError)
})

t.test("the image's environment is below the pod's", async (t) => {
  const values = Object.fromEntries(specOf().environment.map(({ name, value }) => [name, value]))
  t.same(values, { PATH: '/bin', HOSTNAME: 'web', COLOUR: 'red', WHO: 'me' })
})

t.test('requests and limits become shares and quota', async (t) => {
  const { resources } = specOf({
    resources: { requests: { cpu: '250m', memory: '64Mi' }, limits: { cpu: '0.5', memory: '128Mi' } },
  })
  t.match(resources, {
    cpuShares: 256,
    cpuQuotaUs: 50_000,
    cpuPeriodUs: 100_000,
    memoryLimitBytes: 128 * 1024 * 1024,
  })
  t.match(specOf().resources, { cpuShares: 2 })
  t.equal(specOf().resources.memoryLimitBytes, undefined)
})

t.test('the out-of-memory score follows the quality of service', async (t) => {
  const limited = {
    resources: { limits: { cpu: '1', memory: '100' }, requests: { cpu: '1', memory: '100' } },
  }
  t.equal(oomScoreAdjOf(podOf({ containers: [containerOf('c', limited)] }), 100, 1000), -997)
  t.equal(oomScoreAdjOf(podOf(), 0, 1000), 1000)
  const burstable = podOf({ containers: [containerOf('c', { resources: { requests: { memory: '1' } } })] })
  t.equal(oomScoreAdjOf(burstable, 400, 1000), 600)
  t.equal(oomScoreAdjOf(burstable, 1000, 1000), 2)
  t.equal(oomScoreAdjOf(burstable, 0, 1000), 999)
})

t.test('the cgroup is where kubelets put it', async (t) => {
  t.equal(specOf().cgroupParent, 'kubepods/besteffort/poduid-web')
  t.equal(specOf({ resources: { requests: { cpu: '1m' } } }).cgroupParent, 'kubepods/burstable/poduid-web')
})

t.test("the container's security context wins over the pod's", async (t) => {
  const spec = specOf(
    { securityContext: { runAsUser: 5 } },
    { securityContext: { runAsUser: 9, runAsGroup: 8, fsGroup: 3, runAsNonRoot: true } },
  )
  t.match(spec, { user: '5', group: 8, supplementalGroups: [3], mustRunAsNonRoot: true })
  t.equal(specOf().user, '7')
})
