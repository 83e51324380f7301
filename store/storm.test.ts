import t from 'tap'
import { storm } from './storm.fixture.ts'

void t.test(
  'through kills, power cuts, pauses and handovers nothing acknowledged is lost and no watch event missed',
  { timeout: 110_000 },
  async (t) => {
    for (let seed = 1; seed <= 2; seed += 1) t.equal(await storm(seed, 5), undefined, `seed ${seed}`)
  },
)
