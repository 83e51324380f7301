import t from 'tap'
import { slowStart } from './slow-start.ts'

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
