import { constants, deflateRawSync, deflateSync, inflateSync } from 'node:zlib'
import t from 'tap'
import fc from 'fast-check'
import { Inflater } from './inflate.ts'
import { headerDictionary, SpdyParser, SpdyWriter } from './spdy.ts'

const flush = { finishFlush: constants.Z_SYNC_FLUSH }

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0]
  for (const byte of bytes) {
    a = (a + byte) % 65_521
    b = (b + a) % 65_521
  }
  return ((b << 16) | a) >>> 0
}

t.test("the dictionary is the draft's, by its checksum", async (t) => {
  t.equal(adler32(headerDictionary()).toString(16), 'e3c6a7c2')
})

t.test('whatever zlib deflates is inflated again', async (t) => {
  const dictionary = headerDictionary()
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3000 }),
      fc.string({ maxLength: 2000 }),
      fc.constantFrom(0, 1, 6, 9),
      (noise, text, level) => {
        const bytes = new Uint8Array([
          ...noise,
          ...new TextEncoder().encode(text.repeat(3)),
          ...dictionary.subarray(0, 300),
        ])
        const deflated = deflateRawSync(bytes, { ...flush, level, dictionary })
        const inflated = new Inflater(dictionary).decode(new Uint8Array(deflated))
        return Buffer.from(inflated).equals(Buffer.from(bytes))
      },
    ),
    { numRuns: 200 },
  )
  t.pass('held')
})

function synStream(streamId: number, headers: Readonly<Record<string, string>>): Uint8Array {
  const word = (value: number) => [
    (value >>> 24) & 255,
    (value >>> 16) & 255,
    (value >>> 8) & 255,
    value & 255,
  ]
  const text = (value: string) => [...word(value.length), ...new TextEncoder().encode(value)]
  const plain = [
    ...word(Object.keys(headers).length),
    ...Object.entries(headers).flatMap(([name, value]) => [...text(name), ...text(value)]),
  ]
  const block = deflateSync(Uint8Array.from(plain), { ...flush, dictionary: headerDictionary() })
  const payload = [...word(streamId), 0, 0, 0, 0, 0, 0, ...block]
  return Uint8Array.from([0x80, 3, 0, 1, ...word(payload.length), ...payload])
}

t.test('a stream with headers is read, also in pieces', async (t) => {
  const bytes = synStream(5, { streamtype: 'data', port: '8080' })
  const parser = new SpdyParser()
  t.same(parser.push(bytes.subarray(0, 11)), [])
  const [frame] = parser.push(bytes.subarray(11))
  t.match(frame, { kind: 'syn-stream', streamId: 5, isFinal: false })
  t.same(frame?.kind === 'syn-stream' ? [...frame.headers] : [], [
    ['streamtype', 'data'],
    ['port', '8080'],
  ])
})

t.test('replies are a header block that zlib reads, the first with its head', async (t) => {
  const writer = new SpdyWriter()
  const first = writer.reply(1)
  t.same([...inflateSync(first.subarray(12), { ...flush, dictionary: headerDictionary() })], [0, 0, 0, 0])
  t.equal(writer.reply(3).length, first.length - 6)
})

t.test('data is written as it is read', async (t) => {
  const payload = new TextEncoder().encode('hello')
  t.same(new SpdyParser().push(new SpdyWriter().data(7, payload, true)), [
    { kind: 'data', streamId: 7, isFinal: true, payload },
  ])
})
