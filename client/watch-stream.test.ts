import fc from 'fast-check'
import t from 'tap'
import { ApiError } from '../api/meta/status.ts'
import { LineSplitter, parseWatchLine } from './watch-stream.ts'

t.test('lines come out whole however the bytes are cut into chunks', (t) => {
  fc.assert(
    fc.property(
      fc.array(
        fc
          .string({ unit: 'grapheme', minLength: 1 })
          .filter((line) => line.trim() === line && !/[\n\r]/.test(line)),
      ),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      (lines, sizes) => {
        const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''))
        const splitter = new LineSplitter(1 << 20)
        const found: string[] = []
        for (let start = 0, turn = 0; start < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1
          found.push(...splitter.push(bytes.subarray(start, start + size)))
          start += size
        }
        t.same(
          found,
          lines.filter((line) => line !== ''),
        )
      },
    ),
    { numRuns: 200 },
  )
  t.end()
})

t.test('a line beyond the bound ends the watch instead of filling memory', (t) => {
  const splitter = new LineSplitter(10)
  splitter.push(new Uint8Array(8).fill(97))
  t.throws(() => splitter.push(new Uint8Array(8).fill(97)), { code: 'EMSGSIZE' })
  t.end()
})

t.test('an ERROR event is thrown as the ApiError that it carries', (t) => {
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code: 410,
    reason: 'Expired',
    message: 'too old',
  }
  const line = JSON.stringify({ type: 'ERROR', object: status })
  const error = t.throws(() => parseWatchLine(line))
  t.ok(error instanceof ApiError && error.code === 410)
  t.throws(() => parseWatchLine('not json'), { message: /expected an event per line/ })
  t.end()
})

t.test('the bookmark that ends the initial events is told apart', (t) => {
  const metadata = { resourceVersion: '7', annotations: { 'k8s.io/initial-events-end': 'true' } }
  const event = parseWatchLine(JSON.stringify({ type: 'BOOKMARK', object: { metadata } }))
  t.same(event, { type: 'BOOKMARK', resourceVersion: '7', isInitialEventsEnd: true })
  t.end()
})
