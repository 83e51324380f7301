import t from 'tap'
import type { Address, ByteConnection } from '../../platform/network.ts'
import { simIdentity, type SimProcess, SimWorld } from '../../platform/sim/index.ts'
import { type Front, startFront } from './front.ts'

const tls = simIdentity('ca', 'kube-apiserver')
const frontAddress = { host: 'front', port: 6443 }

/** A stand-in for an apiserver: TLS `/readyz` on one port is what the front asks; bytes are told apart by name. */
async function startBackend(
  process: SimProcess,
  name: string,
  port: number,
  state: { ready: boolean; silent: boolean; storeSilent: boolean },
) {
  return process.powers.network.listenHttp({
    address: { host: name, port },
    tls,
    handler: {
      request: async ({ url }) => {
        if (state.silent || (state.storeSilent && url === '/readyz')) await new Promise(() => {})
        return { status: state.ready ? 200 : 503, headers: {}, body: name }
      },
    },
  })
}

async function world() {
  const sim = new SimWorld(7n)
  const machines = ['a1', 'a2', 'front', 'kubectl'].map((name) => sim.machine(name))
  const [a1, a2, front, kubectl] = machines.map((machine) =>
    sim.startProcess({ name: machine.name, machine }),
  )
  if (!a1 || !a2 || !front || !kubectl) throw new Error('no processes')
  const healthy = { ready: true, silent: false, storeSilent: false }
  const states = { a1: { ...healthy }, a2: { ...healthy } }
  const backends: Address[] = [
    { host: 'a1', port: 1 },
    { host: 'a2', port: 1 },
  ]
  let running: Front | undefined
  void startBackend(a1, 'a1', 1, states.a1)
  void startBackend(a2, 'a2', 1, states.a2)
  void startFront(front.powers, {
    listen: frontAddress,
    backends,
    tls: simIdentity('ca', 'skedia-front'),
  }).then((one) => {
    running = one
  })
  await sim.run(2_000)
  if (running === undefined) throw new Error('the front did not start')
  const started: Front = running
  const connect = async (): Promise<ByteConnection> => {
    let connection: ByteConnection | undefined
    void kubectl.powers.network.dialBytes({ address: frontAddress, timeoutMs: 1_000 }).then((one) => {
      connection = one
    })
    await sim.run(500)
    if (connection === undefined) throw new Error('not connected')
    return connection
  }
  const counts = () => Object.fromEntries(started.describe().map((one) => [one.backend, one.connections]))
  return { sim, states, front: started, connect, counts, kill: () => sim.kill(a1) }
}

void t.test('connections spread evenly over the ready apiservers', async (t) => {
  const { front, connect, counts } = await world()
  t.equal(front.isReady(), true)
  for (let i = 0; i < 4; i += 1) await connect()
  t.same(counts(), { 'a1:1': 2, 'a2:1': 2 })
})

void t.test(
  'one that says "not ready" gets no new connections while another is ready, and keeps its old ones',
  async (t) => {
    const { sim, states, connect, counts } = await world()
    for (let i = 0; i < 2; i += 1) await connect()
    states.a1.ready = false
    await sim.run(1_000)
    for (let i = 0; i < 3; i += 1) await connect()
    t.same(counts(), { 'a1:1': 1, 'a2:1': 4 })
  },
)

void t.test('one that falls silent loses its connections, so that clients turn to the other', async (t) => {
  const { sim, states, front, connect, counts } = await world()
  for (let i = 0; i < 4; i += 1) await connect()
  states.a1.silent = true
  await sim.run(2_000)
  t.same(counts(), { 'a1:1': 0, 'a2:1': 2 })
  t.match(front.describe(), [{ state: 'dead' }, { state: 'ready' }])
  states.a1.silent = false
  await sim.run(2_000)
  t.match(front.describe(), [{ state: 'ready' }, { state: 'ready' }])
})

void t.test(
  'without a quorum the apiservers keep their connections, for they can say what is wrong',
  async (t) => {
    const { sim, states, front, connect, counts } = await world()
    for (let i = 0; i < 2; i += 1) await connect()
    states.a1.storeSilent = true
    states.a2.storeSilent = true
    await sim.run(5_000)
    t.match(front.describe(), [{ state: 'unready' }, { state: 'unready' }])
    for (let i = 0; i < 2; i += 1) await connect()
    t.same(counts(), { 'a1:1': 2, 'a2:1': 2 })
  },
)
