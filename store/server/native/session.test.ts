import t from 'tap'
import type { FrameConnection } from '../../../platform/network.ts'
import { simIdentity } from '../../../platform/sim/index.ts'
import { bytes, ClusterFixture, putOf } from '../../cluster.fixture.ts'
import { decodeMessages, encodeMessages, type Message, protocolVersion } from '../../native-protocol.ts'
import { encodeTxn } from '../../txn/txn-codec.ts'

/** A client that speaks the wire itself. */
class RawClient {
  readonly #cluster: ClusterFixture
  readonly #connection: FrameConnection
  readonly received: Message[] = []
  closed: string | undefined

  private constructor(cluster: ClusterFixture, connection: FrameConnection) {
    this.#cluster = cluster
    this.#connection = connection
    connection.onFrame = (frame) => this.received.push(...decodeMessages(frame))
    connection.onClose = (reason) => {
      this.closed = reason
    }
  }

  static async dial(cluster: ClusterFixture): Promise<RawClient> {
    const { powers } = cluster.world.startProcess({ name: 'raw', machine: cluster.world.machine('raw') })
    const dialling = powers.network.dialFrames({
      address: { host: 'm1', port: 2379 },
      tls: simIdentity('store ca', 'raw'),
      frameBytesMax: 1 << 30,
      timeoutMs: 1000,
    })
    return cluster.settle(dialling.then((connection) => new RawClient(cluster, connection)))
  }

  async send(...messages: Message[]): Promise<void> {
    await this.raw(encodeMessages(messages))
  }

  async raw(frame: Uint8Array): Promise<void> {
    this.#connection.send(frame)
    await this.#cluster.world.run(100)
  }

  /** Answers of a kind, or to an id. */
  answers(to: string | number): readonly Message[] {
    return this.received.filter((message) => message[typeof to === 'string' ? 0 : 1] === to)
  }
}

const hello: Message = ['hello', protocolVersion]

async function started(): Promise<{ readonly cluster: ClusterFixture; readonly raw: RawClient }> {
  const cluster = new ClusterFixture({ seed: 1n, members: 1 })
  await cluster.start()
  await cluster.waitForLeader()
  await cluster.world.run(100)
  return { cluster, raw: await RawClient.dial(cluster) }
}

void t.test('a member greets with its cluster, its name and who leads', async (t) => {
  const { cluster, raw } = await started()
  await raw.send(hello)
  const id = cluster.members[0]?.member?.id
  t.match(raw.answers('hello'), [['hello', 1, /^[0-9a-f]{16}$/, id, 'm1']])
  t.match(raw.answers('leader'), [['leader', id, Number, 'm1', 2379]])
})

void t.test(
  'another version of the protocol, or no msgpack, is answered with a reason and hung up on',
  async (t) => {
    for (const frame of [
      encodeMessages([['hello', 99]]),
      encodeMessages([['range', 1]]),
      bytes('GET / HTTP/1.1'),
    ]) {
      const { cluster, raw } = await started()
      await raw.raw(frame)
      t.match(raw.answers('error'), [['error', 0, 'invalid-argument', String]])
      t.ok(raw.closed !== undefined)
      t.same(cluster.world.violations, [])
    }
  },
)

void t.test('what one request gets wrong is its own error; the connection lives on', async (t) => {
  const { cluster, raw } = await started()
  await raw.send(hello)
  await raw.send(
    ['fly', 1],
    ['range', 2, false, 'text', null, 0, 0],
    ['txn', 3, 'text'],
    ['txn', 4, bytes('x')],
  )
  await raw.send(['txn', 5, encodeTxn(putOf('k', 'x'.repeat(3_000_000)))], ['lease-revoke', 6, 'short'])
  await raw.send(['watch', 7, bytes('k'), null, -1, false, false], ['ping', 8])
  const codes = [1, 2, 3, 4, 5, 6, 7].map(
    (id) => raw.answers('error').find((message) => message[1] === id)?.[2],
  )
  t.same(codes, [
    ...Array.from({ length: 4 }, () => 'invalid-argument'),
    'request-too-large',
    'invalid-argument',
    'invalid-argument',
  ])
  t.same(raw.answers(8), [['done', 8]])
  t.same(cluster.world.violations, [])
})

void t.test('a frame beyond the limit ends the connection, not the member', async (t) => {
  const { cluster, raw } = await started()
  await raw.send(hello)
  await raw.raw(new Uint8Array(5 * 1024 * 1024))
  await cluster.world.run(1000)
  t.ok(raw.closed !== undefined)
  await cluster.settle(cluster.client().txn(putOf('a', '1')))
  t.same(cluster.world.violations, [])
})

void t.test('a watch that is given up while it starts is gone; one id is one watch', async (t) => {
  const { cluster, raw } = await started()
  await raw.send(hello)
  const watch: Message = ['watch', 1, bytes('k'), null, 0, false, false]
  await raw.send(watch, watch, ['unwatch', 1])
  t.match(raw.answers('error'), [['error', 1, 'invalid-argument', /there already/]])
  await raw.send(['txn', 2, encodeTxn(putOf('k', '1'))])
  t.same([raw.answers('watched'), raw.answers('events')], [[], []])
  await raw.send(
    ['watch', 3, bytes('k'), null, 2, false, false],
    ['unwatch', 3],
    ['txn', 4, encodeTxn(putOf('k', '2'))],
  )
  t.same(
    raw.answers('events').filter((message) => message[2] === 3),
    [],
  )
  t.same(cluster.world.violations, [])
})

void t.test('many requests in one frame are answered together', async (t) => {
  const { raw } = await started()
  await raw.send(hello)
  const puts = Array.from({ length: 50 }, (_, i): Message => ['txn', i + 1, encodeTxn(putOf(`k${i}`, 'v'))])
  await raw.send(...puts)
  t.same(
    raw.answers('txn').map((message) => message[2]),
    Array.from({ length: 50 }, (_, i) => i + 2),
  )
})
