import t from 'tap'
import { SimWorld } from '../../platform/sim/index.ts'
import { Expectations, expectationsTimeoutMs, uncertainGraceMs } from './expectations.ts'

function fresh() {
  const world = new SimWorld(1n)
  const { clock } = world.startProcess({ name: 'p', machine: world.machine('p') }).powers
  return { world, expectations: new Expectations(clock) }
}

t.test('a key is satisfied only when every creation and deletion was seen', (t) => {
  const { expectations } = fresh()
  t.ok(expectations.isSatisfied('a'))
  expectations.expectCreations('a', 2)
  expectations.expectDeletions('a', ['x'])
  expectations.creationObserved('a')
  expectations.deletionObserved('a', 'y')
  t.notOk(expectations.isSatisfied('a'))
  expectations.creationFailed('a')
  t.notOk(expectations.isSatisfied('a'))
  expectations.deletionObserved('a', 'x')
  t.ok(expectations.isSatisfied('a'))
  t.end()
})

t.test('pods that nobody expected do not pay for later creations', (t) => {
  const { expectations } = fresh()
  expectations.creationObserved('a')
  expectations.expectCreations('a', 1)
  t.notOk(expectations.isSatisfied('a'))
  t.end()
})

t.test('a creation whose answer was lost counts as not done only after the grace', async (t) => {
  const { world, expectations } = fresh()
  expectations.expectCreations('a', 1)
  expectations.creationUncertain('a')
  t.notOk(expectations.isSatisfied('a'))
  t.equal(expectations.retryAfterMs('a'), uncertainGraceMs)
  await world.run(uncertainGraceMs)
  t.ok(expectations.isSatisfied('a'))
})

t.test('a lost answer whose pod shows up is settled by the pod', async (t) => {
  const { world, expectations } = fresh()
  expectations.expectCreations('a', 1)
  expectations.creationUncertain('a')
  expectations.creationObserved('a')
  t.ok(expectations.isSatisfied('a'))
  expectations.expectCreations('a', 1)
  await world.run(uncertainGraceMs)
  t.notOk(expectations.isSatisfied('a'))
})

t.test('what is never seen is given up at last', async (t) => {
  const { world, expectations } = fresh()
  expectations.expectDeletions('a', ['x'])
  await world.run(expectationsTimeoutMs - 1)
  t.notOk(expectations.isSatisfied('a'))
  await world.run(1)
  t.ok(expectations.isSatisfied('a'))
})
