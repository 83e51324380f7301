import t from 'tap'
import { SimWorld } from '../platform/sim/index.ts'
import { WorkQueue } from './work-queue.ts'

function newQueue() {
  const world = new SimWorld(1n)
  const { clock } = world.startProcess({ name: 'p', machine: world.machine('p') }).powers
  return { world, queue: new WorkQueue({ clock, name: 'test' }) }
}

t.test('a key added many times before it is taken comes out once', async (t) => {
  const { queue } = newQueue()
  for (const key of ['a', 'b', 'a', 'a']) queue.add(key)
  t.equal(await queue.next(), 'a')
  t.equal(await queue.next(), 'b')
  t.equal(queue.length, 0)
})

t.test('a key added while in work comes out again only after done', async (t) => {
  const { queue } = newQueue()
  queue.add('a')
  t.equal(await queue.next(), 'a')
  queue.add('a')
  queue.add('a')
  t.equal(queue.length, 0)
  queue.done('a')
  t.equal(await queue.next(), 'a')
  queue.done('a')
  t.ok(queue.isIdle)
})

t.test('waiting takers are served in the order in which they came', async (t) => {
  const { queue } = newQueue()
  const first = queue.next()
  const second = queue.next()
  queue.add('a')
  queue.add('b')
  t.same(await Promise.all([first, second]), ['a', 'b'])
})

t.test('a delayed key comes at its earliest moment, once', async (t) => {
  const { world, queue } = newQueue()
  queue.addAfter('a', 500)
  queue.addAfter('a', 100)
  queue.addAfter('a', 900)
  await world.run(99)
  t.equal(queue.length, 0)
  await world.run(1)
  t.equal(await queue.next(), 'a')
  queue.done('a')
  await world.run(2000)
  t.ok(queue.isIdle)
})

t.test('each failure doubles the back-off until it is forgotten', async (t) => {
  const { world, queue } = newQueue()
  const waits: number[] = []
  for (let failure = 0; failure < 5; failure += 1) {
    const sinceMs = world.nowMs
    queue.addRateLimited('a')
    const next = queue.next()
    await world.run(1000)
    await next
    queue.done('a')
    waits.push(sinceMs)
  }
  t.equal(queue.failures('a'), 5)
  queue.forget('a')
  t.equal(queue.failures('a'), 0)
  queue.addRateLimited('a')
  await world.run(5)
  t.equal(queue.length, 1)
  t.equal(waits.length, 5)
})

t.test('after close takers get undefined and nothing is taken any more', async (t) => {
  const { world, queue } = newQueue()
  const taker = queue.next()
  queue.addAfter('late', 10)
  queue.close()
  t.equal(await taker, undefined)
  queue.add('a')
  await world.run(100)
  t.equal(await queue.next(), undefined)
})
