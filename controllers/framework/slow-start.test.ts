import t from 'tap'
import { concurrencyMax, inBatches, slowStart } from './slow-start.ts'

t.test('batches double and nothing follows a batch with a failure', async (t) => {
  const called: number[] = []
  const all = await slowStart(10, (index) => {
    called.push(index)
    return Promise.resolve()
  })
  t.same(all, { succeeded: 10, skipped: 0, errors: [] })
  t.equal(called.length, 10)
  const failed = await slowStart(100, (index) =>
    index === 2 ? Promise.reject(new Error('quota')) : Promise.resolve(),
  )
  t.match(failed, { succeeded: 2, skipped: 97 })
  t.equal(failed.errors.length, 1)
  t.same(await slowStart(0, () => Promise.reject(new Error('never'))), {
    succeeded: 0,
    skipped: 0,
    errors: [],
  })
})

t.test('no more calls are under way at once than there may be', async (t) => {
  let running = 0
  let most = 0
  const call = async () => {
    running += 1
    most = Math.max(most, running)
    await Promise.resolve()
    running -= 1
  }
  await slowStart(500, call)
  await inBatches(500, call)
  t.equal(most, concurrencyMax)
})
