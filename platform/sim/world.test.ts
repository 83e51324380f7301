import t from 'tap'
import { networkConformance } from '../network.conformance.ts'
import { simIdentity, SimWorld } from './index.ts'

const tls = simIdentity('ca', 'someone', ['people'])
const frameBytesMax = 1 << 20

networkConformance('the simulated network', () => {
  const world = new SimWorld(1n)
  const server = world.startProcess({ name: 'server', machine: world.machine('server') })
  const client = world.startProcess({ name: 'client', machine: world.machine('client') })
  return Promise.resolve({
    server: server.powers.network,
    client: client.powers.network,
    host: 'server',
    identity: tls,
    stranger: simIdentity('other ca', 'stranger'),
    settle: async (promise) => {
      let isSettled = false
      const watched = promise.finally(() => {
        isSettled = true
      })
      watched.catch(() => {}) // the caller awaits `promise` and hears of it there
      if (!(await world.runUntil(() => isSettled, 60_000))) throw new Error('it never settled')
      return promise
    },
  })
})

async function echoWorld(seed: bigint) {
  const world = new SimWorld(seed)
  const server = world.startProcess({ name: 'a', machine: world.machine('a') })
  const client = world.startProcess({ name: 'b', machine: world.machine('b') })
  const received: string[] = []
  await server.powers.network.listenFrames({
    address: { host: 'a', port: 1 },
    tls,
    frameBytesMax,
    onConnection: (connection) => {
      connection.onFrame = (frame) => connection.send(frame)
    },
  })
  const dialled = client.powers.network.dialFrames({
    address: { host: 'a', port: 1 },
    tls,
    frameBytesMax,
    timeoutMs: 1000,
  })
  await world.run(100)
  const connection = await dialled
  connection.onFrame = (frame) =>
    received.push(`${world.nowMs.toFixed(0)} ${new TextDecoder().decode(frame)}`)
  connection.onClose = () => received.push(`${world.nowMs.toFixed(0)} closed`)
  return { world, server, client, connection, received }
}

const frame = (text: string): Uint8Array => new TextEncoder().encode(text)

t.test('a cut link is silence, and what was sent meanwhile arrives after it heals', async (t) => {
  const { world, connection, received } = await echoWorld(1n)
  world.network.links.cut('a', 'b')
  connection.send(frame('x'))
  await world.run(5000)
  t.same(received, [])
  world.network.links.heal('a', 'b')
  await world.run(10)
  t.same(received, ['5100 x'])
})

t.test('a killed process closes its connections, a power cut tells nobody', async (t) => {
  const killed = await echoWorld(1n)
  killed.world.kill(killed.server)
  await killed.world.run(10)
  t.same(killed.received.length, 1)
  const cut = await echoWorld(1n)
  cut.world.cutPower(cut.server.machine)
  cut.connection.send(frame('x'))
  await cut.world.run(10_000)
  t.same(cut.received, [])
})

t.test(
  'a machine that comes back after a power cut resets the connections that it no longer knows',
  async (t) => {
    const { world, server, connection, received } = await echoWorld(1n)
    world.cutPower(server.machine)
    world.startProcess({ name: 'a', machine: server.machine })
    connection.send(frame('x'))
    await world.run(10)
    t.match(received, [/closed$/])
  },
)

t.test('a paused process does nothing, then everything that piled up, in order', async (t) => {
  const { world, server, connection, received } = await echoWorld(1n)
  world.pause(server)
  connection.send(frame('x'))
  connection.send(frame('y'))
  await world.run(1000)
  t.same(received, [])
  world.resume(server)
  await world.run(10)
  t.same(
    received.map((line) => line.split(' ')[1]),
    ['x', 'y'],
  )
})

t.test('timers of a dead process never fire', async (t) => {
  const world = new SimWorld(1n)
  const process = world.startProcess({ name: 'p', machine: world.machine('p') })
  let fired = 0
  process.powers.clock.setTimer(10, () => (fired += 1))
  process.powers.clock.setTimer(100, () => (fired += 1))
  await world.run(50)
  world.kill(process)
  await world.run(1000)
  t.equal(fired, 1)
})

t.test('one seed gives one trace, another seed another', async (t) => {
  const trace = async (seed: bigint): Promise<string> => {
    const { world, connection } = await echoWorld(seed)
    for (let index = 0; index < 20; index += 1) connection.send(frame(`frame ${index}`))
    await world.run(1000)
    return world.loop.traceHash
  }
  t.equal(await trace(1n), await trace(1n))
  t.not(await trace(1n), await trace(2n))
})

t.test('an error that an event throws is a violation that ends the run', async (t) => {
  const world = new SimWorld(1n)
  const process = world.startProcess({ name: 'p', machine: world.machine('p') })
  process.powers.clock.setTimer(10, () => {
    throw new Error('boom')
  })
  await world.run(1000)
  t.equal(world.violations.length, 1)
  t.match(world.violations[0]?.message, /boom/)
})
