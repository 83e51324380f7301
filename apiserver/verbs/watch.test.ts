import fc from 'fast-check'
import t from 'tap'
import { simIdentity, simTokenKey, SimWorld } from '../../platform/sim/index.ts'
import { type Body, readEvents, ServerWorld } from '../server.fixture.ts'

const path = '/api/v1/namespaces/default/configmaps'

interface Step {
  readonly name: string
  readonly color: string
  readonly remove: boolean
  readonly server: string
}

const step: fc.Arbitrary<Step> = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  color: fc.constantFrom('red', 'blue'),
  remove: fc.boolean(),
  server: fc.constantFrom('a1', 'a2'),
})

async function twoServers(): Promise<ServerWorld> {
  const simulation = { world: new SimWorld(3n), identity: simIdentity, tokenKey: simTokenKey }
  const world = await new ServerWorld(simulation).start('a1')
  return await world.start('a2')
}

/** Carries out a step; tells the event that everybody must see, if any. */
async function act(world: ServerWorld, { name, color, remove, server }: Step): Promise<string | undefined> {
  const own = `${path}/${name}`
  if (remove) {
    const answer = await world.call('DELETE', own, undefined, { server })
    return answer.status === 200 ? `DELETED ${name}` : undefined
  }
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { color } },
    data: { color },
  }
  const created = await world.call('POST', path, object, { server })
  if (created.status === 201) return `ADDED ${name}`
  const before = await world.call('GET', own, undefined, { server })
  const after = await world.call('PUT', own, object, { server })
  const isSame = before.json['metadata']?.['resourceVersion'] === after.json['metadata']?.['resourceVersion']
  return isSame ? undefined : `MODIFIED ${name}`
}

const versionOf = (event: Body) => String(event['object']?.['metadata']?.['resourceVersion'])
const nameOf = (event: Body) => String(event['object']?.['metadata']?.['name'])

void t.test('a client that resumes now here, now there hears every change once and in order', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 14 }),
      fc.array(fc.record({ server: fc.constantFrom('a1', 'a2'), take: fc.integer({ min: 1, max: 4 }) }), {
        minLength: 1,
        maxLength: 4,
      }),
      async (steps, readers) => {
        const world = await twoServers()
        const list = await world.call('GET', path)
        let version = String(list.json['metadata']?.['resourceVersion'])
        const expected: string[] = []
        for (const one of steps) {
          const line = await act(world, one)
          if (line !== undefined) expected.push(line)
        }
        const heard: string[] = []
        for (let turn = 0; heard.length < expected.length; turn += 1) {
          const { server, take } = readers[turn % readers.length] ?? { server: 'a1', take: 1 }
          const body = await world.open('GET', `${path}?watch=true&resourceVersion=${version}`, { server })
          const wanted = Math.min(take, expected.length - heard.length)
          const events = (await readEvents(world, body, wanted)).slice(0, wanted)
          body.cancel()
          for (const event of events) {
            heard.push(`${String(event['type'])} ${nameOf(event)}`)
            version = versionOf(event)
          }
        }
        t.same(heard, expected)
        await world.close()
      },
    ),
    { numRuns: 8 },
  )
})

void t.test('what a selecting watch tells adds up to what a selecting list shows', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
      const world = await twoServers()
      const query = 'labelSelector=color%3Dred'
      const list = await world.call('GET', `${path}?${query}`)
      const version = String(list.json['metadata']?.['resourceVersion'])
      const url = `${path}?${query}&watch=true&resourceVersion=${version}&timeoutSeconds=2&allowWatchBookmarks=true`
      for (const one of steps) await act(world, one)
      const body = await world.open('GET', url, { server: 'a2' })
      const events = await readEvents(world, body, 1_000)
      const model = new Map<string, string>()
      for (const event of events) {
        const type = String(event['type'])
        if (type === 'DELETED') model.delete(nameOf(event))
        else if (type !== 'BOOKMARK') model.set(nameOf(event), versionOf(event))
      }
      const shown = await world.call('GET', `${path}?${query}`)
      const found = Object.values(shown.json['items'] ?? {}).map((item) => [
        String(item['metadata']?.['name']),
        String(item['metadata']?.['resourceVersion']),
      ])
      t.same(
        [...model].sort(([a], [b]) => (a < b ? -1 : 1)),
        found,
      )
      t.equal(events.at(-1)?.['type'], 'BOOKMARK', 'the last word is how far it came')
      await world.close()
    }),
    { numRuns: 8 },
  )
})
