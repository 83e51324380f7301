import t from 'tap'
import { sha1 } from './sha1.ts'
import { acceptHeaders, formatFrame, parseFrame } from './web-socket.ts'

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
const bytes = (text: string) => new TextEncoder().encode(text)

t.test("SHA-1 gives the standard's own examples", async (t) => {
  t.equal(hex(sha1(bytes('abc'))), 'a9993e364706816aba3e25717850c26c9cd0d89d')
  t.equal(hex(sha1(bytes(''))), 'da39a3ee5e6b4b0d3255bfef95601890afd80709')
  t.equal(
    hex(sha1(bytes('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'))),
    '84983e441c3bd26ebaae4aa1f95129e5e54670f1',
  )
  t.equal(hex(sha1(bytes('a'.repeat(1000)))), '291e9a6c66994949b57ba5e650361e98fc36b1ba')
})

t.test('the handshake answers as RFC 6455 shows it', async (t) => {
  t.equal(
    acceptHeaders('dGhlIHNhbXBsZSBub25jZQ==', 'v5.channel.k8s.io')['sec-websocket-accept'],
    's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  )
})

/** A frame as clients send it. */
function masked(opcode: number, payload: Uint8Array): Uint8Array {
  const plain = formatFrame(opcode, payload)
  const head = plain.length - payload.length
  const mask = [1, 2, 3, 4]
  const frame = new Uint8Array(plain.length + 4)
  frame.set(plain.subarray(0, head))
  frame[1] = (frame[1] ?? 0) | 0x80
  frame.set(mask, head)
  for (const [index, byte] of payload.entries()) frame[head + 4 + index] = byte ^ (mask[index % 4] ?? 0)
  return frame
}

t.test('frames of every length are read back', async (t) => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536]) {
    const payload = Uint8Array.from({ length }, (_, index) => index & 0xff)
    const frame = masked(2, payload)
    const found = parseFrame(frame)
    t.equal(found?.lengthBytes, frame.length)
    t.same(found?.frame.payload, payload)
    t.equal(parseFrame(frame.subarray(0, frame.length - 1)), undefined, 'and not before they are whole')
  }
})

t.test('a client that does not mask, or uses what was not agreed on, is refused', async (t) => {
  t.throws(() => parseFrame(formatFrame(2, bytes('x'))), /without a mask/)
  const compressed = masked(2, bytes('x'))
  compressed[0] = (compressed[0] ?? 0) | 0x40
  t.throws(() => parseFrame(compressed), /reserved bits/)
})
