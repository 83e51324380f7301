import t from 'tap'
import type { Container } from '../../api/types.ts'
import { TaskGroup } from '../../platform/tasks.ts'
import { SimWorld } from '../../platform/sim/index.ts'
import { createFakeNodeHost } from '../runtime/fake/fake-node-host.ts'
import { containerOf } from '../testing/pod-fixtures.ts'
import type { WorkerContext } from '../worker-context.ts'
import { ContainerProbes } from './container-probes.ts'
import { resolvePort } from './probe-target.ts'

/** A container whose HTTP answers are what `status` says at the time. */
function probed(more: Partial<Container>, wasReady = false) {
  const world = new SimWorld(1n)
  const { powers } = world.startProcess({ name: 'n1', machine: world.machine('n1') })
  const fake = createFakeNodeHost(powers, { podCidr: '10.244.0.0/24' })
  const state = { status: 200, asked: 0, changes: 0 }
  const get = async () => {
    state.asked += 1
    return { status: state.status, body: '' }
  }
  const host = {
    ...fake,
    network: Object.assign(Object.create(fake.network) as typeof fake.network, { get }),
  } // unsafe: the fake's network with another `get`
  const tasks = new TaskGroup(() => {})
  const context = { powers, host } as unknown as WorkerContext // unsafe: probes use nothing else of it
  const probes = new ContainerProbes({
    context,
    container: containerOf('c', more),
    containerId: 'c',
    podIP: '10.244.0.2',
    startedAtMs: powers.clock.wallMs(),
    wasReady,
    wasStarted: false,
    onChange: () => {
      state.changes += 1
    },
    onFailure: () => {},
    signal: tasks.signal,
  })
  return { world, probes, state }
}

const httpGet = { port: 80, path: '/' }

t.test('a container without probes is started and ready at once', async (t) => {
  t.same(probed({}).probes.findings(), { isStarted: true, isReady: true })
})

t.test('readiness comes with the first success and goes after the third failure', async (t) => {
  const { world, probes, state } = probed({ readinessProbe: { httpGet, periodSeconds: 1 } })
  t.equal(probes.findings().isReady, false)
  await world.run(100)
  t.equal(probes.findings().isReady, true)
  state.status = 500
  await world.run(2000)
  t.equal(probes.findings().isReady, true, 'two failures are not enough')
  await world.run(1000)
  t.equal(probes.findings().isReady, false)
  state.status = 204
  await world.run(1000)
  t.equal(probes.findings().isReady, true)
  t.equal(state.changes, 3)
})

t.test('a failing liveness probe is found once, with its own grace', async (t) => {
  const { world, probes, state } = probed({
    livenessProbe: { httpGet, periodSeconds: 1, failureThreshold: 2, terminationGracePeriodSeconds: 7 },
  })
  state.status = 503
  await world.run(500)
  t.equal(probes.findings().failure, undefined)
  await world.run(1000)
  t.match(probes.findings().failure, { probe: 'liveness', graceSeconds: 7, message: /503/ })
  const { asked } = state
  await world.run(10_000)
  t.equal(state.asked, asked, 'it asks no more')
})

t.test('the other probes wait for the startup probe', async (t) => {
  const { world, probes, state } = probed({
    startupProbe: { httpGet, periodSeconds: 1, failureThreshold: 30 },
    livenessProbe: { httpGet, periodSeconds: 1, failureThreshold: 1 },
  })
  state.status = 500
  await world.run(5000)
  t.same(probes.findings(), { isStarted: false, isReady: false }, 'it is neither started nor killed')
  state.status = 200
  await world.run(1100)
  t.same(probes.findings(), { isStarted: true, isReady: true })
})

t.test('an initial delay is waited for', async (t) => {
  const { world, state } = probed({ readinessProbe: { httpGet, initialDelaySeconds: 5 } })
  await world.run(4900)
  t.equal(state.asked, 0)
  await world.run(200)
  t.equal(state.asked, 1)
})

t.test(
  "a container that was ready before the kubelet's restart stays so until found otherwise",
  async (t) => {
    t.equal(
      probed({ readinessProbe: { httpGet, initialDelaySeconds: 5 } }, true).probes.findings().isReady,
      true,
    )
  },
)

t.test("ports are numbers or names of the container's ports", async (t) => {
  const container = containerOf('c', { ports: [{ name: 'http', containerPort: 8080 }] })
  t.equal(resolvePort('http', container), 8080)
  t.equal(resolvePort('81', container), 81)
  t.throws(() => resolvePort('https', container), /couldn't find port "https"/)
})
