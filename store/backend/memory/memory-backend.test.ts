import t from 'tap'
import { createNodeClock } from '../../../platform/node/clock.ts'
import { seededRandom } from '../../../platform/random.ts'
import { backendConformance } from '../backend.conformance.ts'
import { MemoryBackendHost } from './memory-backend.ts'

const clock = createNodeClock()
const events = { onFailure: () => {} }
const key = (text: string) => new TextEncoder().encode(text)

backendConformance('memory', () => Promise.resolve(new MemoryBackendHost({ clock, checkpointMs: 1 })))

void t.test(
  'a pretended crash keeps what a checkpoint covered, and may lose later batches from the middle',
  async (t) => {
    let sawHole = false
    for (let seed = 0; seed < 50; seed += 1) {
      const host = new MemoryBackendHost({ clock, checkpointMs: 0 })
      const backend = await host.open('db-1', events)
      backend.write([{ key: key('safe'), value: key('1') }])
      await new Promise((resolve) => backend.checkpoint(resolve))
      for (let i = 0; i < 6; i += 1) backend.write([{ key: key(`${i}`), value: key('1') }])
      host.crash(seededRandom(BigInt(seed)))
      const after = await host.open('db-1', events)
      t.ok(after.get(key('safe')))
      const there = [0, 1, 2, 3, 4, 5].map((i) => (after.get(key(`${i}`)) ? '1' : '0')).join('')
      if (/01/.test(there)) sawHole = true
      await after.close()
    }
    t.ok(sawHole)
  },
)
