import t from 'tap'
import { DeadlineExceeded, sleep, withDeadline } from './clock.ts'
import { BoundedQueue } from './queue.ts'
import { SimWorld } from './sim/index.ts'
import { TaskGroup } from './tasks.ts'

function world() {
  const simulated = new SimWorld(1n)
  const { powers } = simulated.startProcess({ name: 'p', machine: simulated.machine('p') })
  return { simulated, clock: powers.clock }
}

t.test('closing a group aborts its tasks and waits for each', async (t) => {
  const { simulated, clock } = world()
  const log: string[] = []
  const group = new TaskGroup((error) => log.push(error.message))
  group.run('slow', async (signal) => {
    await sleep(clock, 10_000, signal).catch(() => log.push('aborted'))
  })
  await simulated.run(10)
  await group.close()
  await group.close()
  t.same(log, ['aborted'])
  group.run('late', () => Promise.reject(new Error('never started')))
  t.same(log, ['aborted'])
})

t.test('a task that fails is reported by name', async (t) => {
  const failures: string[] = []
  const group = new TaskGroup((error, name) => failures.push(`${name}: ${error.message}`))
  group.run('bad', () => Promise.reject(new Error('boom')))
  await new Promise((resolve) => setImmediate(resolve))
  t.same(failures, ['bad: boom'])
})

t.test('a deadline aborts its work and says what was attempted', async (t) => {
  const { simulated, clock } = world()
  const outcome = withDeadline({ clock, timeoutMs: 100, attempted: 'asking m1' }, (signal) =>
    sleep(clock, 1000, signal),
  ).catch((error: unknown) => error)
  await simulated.run(99)
  await simulated.run(2)
  const error = await outcome
  t.ok(error instanceof DeadlineExceeded)
  t.match((error as Error).message, 'asking m1: no answer within 100 ms')
})

t.test('a bounded queue refuses what exceeds its bound and hands on in order', async (t) => {
  const queue = new BoundedQueue<number>(2)
  t.ok(queue.push(1))
  t.ok(queue.push(2))
  t.notOk(queue.push(3), 'full')
  t.equal(await queue.next(), 1)
  t.equal(await queue.next(), 2)
  const next = queue.next()
  t.ok(queue.push(4))
  t.equal(await next, 4)
  queue.close()
  t.equal(await queue.next(), undefined)
  t.notOk(queue.push(5), 'closed')
})
