import t from 'tap'
import { storm } from './storm.fixture.ts'

// Whole clusters: a busy machine takes its time.
t.setTimeout(120_000)

void t.test(
  'through kills, power cuts, pauses and handovers nothing acknowledged is lost and no watch event missed',
  async (t) => {
    for (let seed = 1; seed <= 2; seed += 1) t.equal(await storm(seed, 4), undefined, `seed ${seed}`)
  },
)
