import t from 'tap'
import { events } from '../api/core/event.ts'
import type { ApiObject } from './api-client.ts'
import { createEventRecorder } from './event-recorder.ts'
import { testWorld } from './testing/world.ts'

const pod: ApiObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'uid-web', resourceVersion: '5' },
}

async function recorderWorld(seed: bigint) {
  const world = await testWorld(seed)
  const { process, client } = world.client('k')
  return {
    ...world,
    recorder: createEventRecorder(process.powers, client, { component: 'test', host: 'n1' }),
  }
}

t.test('the same event again counts up and moves its last time', async (t) => {
  const { cluster, world, recorder } = await recorderWorld(1n)
  recorder.event(pod, 'Warning', 'BackOff', 'Back-off restarting')
  await world.run(3000)
  recorder.event(pod, 'Warning', 'BackOff', 'Back-off restarting')
  recorder.event(pod, 'Normal', 'Pulled', 'Image is there')
  await world.run(3000)
  const found = cluster.all(events)
  t.equal(found.length, 2)
  t.match(found[0], {
    count: 2,
    reason: 'BackOff',
    type: 'Warning',
    source: { component: 'test', host: 'n1' },
    involvedObject: { kind: 'Pod', name: 'web', uid: 'uid-web' },
  })
  t.not(found[0]?.firstTimestamp, found[0]?.lastTimestamp)
  await recorder.close()
})

t.test('a repeated event that has expired at the server is made anew', async (t) => {
  const { cluster, world, recorder } = await recorderWorld(2n)
  recorder.event(pod, 'Normal', 'A', 'a')
  await world.run(1000)
  cluster.remove(events, 'default', cluster.all(events)[0]?.metadata.name ?? '')
  recorder.event(pod, 'Normal', 'A', 'a')
  await world.run(1000)
  t.match(cluster.all(events), [{ count: 2 }])
  await recorder.close()
})

t.test('more than ten different messages of one reason are combined, and a flood is muted', async (t) => {
  const { cluster, world, recorder } = await recorderWorld(3n)
  for (let index = 0; index < 60; index += 1) recorder.event(pod, 'Warning', 'Failed', `attempt ${index}`)
  await world.run(10_000)
  const messages = cluster.all(events).map(({ message }) => message ?? '')
  t.ok(messages.length <= 25)
  t.ok(messages.some((message) => message.startsWith('(combined from similar events): ')))
  await recorder.close()
})

t.test('an unreachable server holds up nobody and the event arrives later', async (t) => {
  const { cluster, world, recorder } = await recorderWorld(4n)
  for (const server of ['a1', 'a2']) world.network.links.cut('k', server)
  recorder.event(pod, 'Normal', 'Late', 'late')
  await world.run(5000)
  t.equal(cluster.all(events).length, 0)
  world.network.links.healAll()
  await world.run(60_000)
  t.ok(cluster.all(events).length >= 1)
  await recorder.close()
})
