import t from 'tap'
import type { FrameConnection, Network } from '../../platform/network.ts'
import { FakeClock, settle } from '../testing/fakes.ts'
import { createSilentNetwork } from './silent-network.ts'

/** A connection whose other side is the test. */
class FakeConnection implements FrameConnection {
  readonly peer = undefined
  readonly remote = { host: 'm2', port: 1 }
  readonly sent: string[] = []
  isClosed = false
  onFrame: (frame: Uint8Array) => void = () => {}
  onClose: (reason: string) => void = () => {}
  send(frame: Uint8Array): void {
    this.sent.push(new TextDecoder().decode(frame))
  }
  bufferedBytes(): number {
    return 0
  }
  close(): void {
    this.isClosed = true
  }
}

const tls = { certificateAuthority: '', certificate: '', privateKey: '' }
const bytes = (text: string) => new TextEncoder().encode(text)

async function linked() {
  const inner = new FakeConnection()
  const clock = new FakeClock()
  const refuse = () => Promise.reject(new Error('not in this test'))
  const base: Network = {
    listenFrames: refuse,
    dialFrames: () => Promise.resolve(inner),
    listenHttp: refuse,
    httpClient: () => {
      throw new Error('not in this test')
    },
    listenBytes: refuse,
    dialBytes: refuse,
  }
  const links = createSilentNetwork(base, clock)
  const dial = () =>
    links.network.dialFrames({ address: { host: 'm2', port: 1 }, tls, frameBytesMax: 100, timeoutMs: 500 })
  const connection = await dial()
  const seen: string[] = []
  connection.onFrame = (frame) => seen.push(new TextDecoder().decode(frame))
  connection.onClose = (reason) => seen.push(`closed: ${reason}`)
  return { links, inner, connection, clock, seen, dial }
}

void t.test('while cut, nothing goes out, nothing comes in, and nobody is told', async (t) => {
  const { links, inner, connection, seen } = await linked()
  connection.send(bytes('before'))
  links.cut()
  connection.send(bytes('during'))
  inner.onFrame(bytes('unseen'))
  inner.onClose('the other side gave up')
  t.same(inner.sent, ['before'])
  t.same(seen, [])
  t.equal(inner.isClosed, false)
})

void t.test('healing closes a connection that lost a frame: no stream goes on behind a gap', async (t) => {
  const { links, inner, connection, seen } = await linked()
  links.cut()
  connection.send(bytes('lost'))
  links.heal()
  t.equal(inner.isClosed, true)
  t.match(seen, [/^closed: frames were lost/])
})

void t.test('healing leaves a connection alone that lost nothing', async (t) => {
  const { links, inner, connection, seen } = await linked()
  links.cut()
  links.heal()
  connection.send(bytes('after'))
  inner.onFrame(bytes('back'))
  t.same(inner.sent, ['after'])
  t.same(seen, ['back'])
})

void t.test('a dial while cut waits until its time is over', async (t) => {
  const { links, clock, dial } = await linked()
  links.cut()
  let outcome = ''
  void dial().catch((error: Error) => {
    outcome = error.message
  })
  await clock.advance(499)
  t.equal(outcome, '')
  await clock.advance(1)
  await settle()
  t.match(outcome, /no answer within 500 ms/)
})
