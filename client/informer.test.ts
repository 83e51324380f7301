import t from 'tap'
import type { ApiObject } from './api-client.ts'
import { Cache } from './informer.ts'

function object(
  name: string,
  version: number,
  options: { uid?: string; labels?: Record<string, string> } = {},
): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      namespace: 'default',
      name,
      uid: options.uid ?? `uid-${name}`,
      resourceVersion: String(version),
      labels: options.labels,
    },
  }
}

function recorded(cache: Cache<ApiObject>): string[] {
  const seen: string[] = []
  cache.onChange({
    add: ({ metadata }) => seen.push(`add ${metadata.name} ${metadata.resourceVersion}`),
    update: (previous, next) =>
      seen.push(
        `update ${next.metadata.name} ${previous.metadata.resourceVersion}-${next.metadata.resourceVersion}`,
      ),
    delete: ({ metadata }) => seen.push(`delete ${metadata.name} ${metadata.resourceVersion}`),
  })
  return seen
}

t.test('a list after a gap is seen as the difference, removals first', (t) => {
  const cache = new Cache<ApiObject>()
  const seen = recorded(cache)
  cache.replace([object('a', 1), object('b', 2)], '2')
  cache.replace([object('b', 3), object('c', 4)], '4')
  t.same(seen, ['add a 1', 'add b 2', 'delete a 1', 'update b 2-3', 'add c 4'])
  t.end()
})

t.test('an object with nothing new is not delivered again', (t) => {
  const cache = new Cache<ApiObject>()
  const seen = recorded(cache)
  cache.replace([object('a', 1)], '1')
  cache.replace([object('a', 1)], '5')
  t.same(seen, ['add a 1'])
  t.end()
})

t.test('another object of the same name is a delete and an add', (t) => {
  const cache = new Cache<ApiObject>()
  cache.replace([object('a', 1)], '1')
  const seen = recorded(cache)
  cache.apply({ type: 'MODIFIED', object: object('a', 9, { uid: 'other' }) })
  t.same(seen, ['add a 1', 'delete a 1', 'add a 9'])
  t.end()
})

t.test('a late joiner is told of all that is there before onChange returns', (t) => {
  const cache = new Cache<ApiObject>()
  cache.replace([object('a', 1), object('b', 2)], '2')
  t.same(recorded(cache), ['add a 1', 'add b 2'])
  t.end()
})

t.test('an index follows changes and serves objects that came before it', (t) => {
  const cache = new Cache<ApiObject>()
  cache.replace([object('a', 1, { labels: { app: 'x' } }), object('b', 2, { labels: { app: 'y' } })], '2')
  cache.addIndex('app', ({ metadata }) => [metadata.labels?.app ?? ''])
  const names = (app: string) => cache.byIndex('app', app).map(({ metadata }) => metadata.name)
  t.same(names('x'), ['a'])
  cache.apply({ type: 'MODIFIED', object: object('a', 3, { labels: { app: 'y' } }) })
  t.same(names('x'), [])
  t.same(new Set(names('y')), new Set(['a', 'b']))
  cache.apply({ type: 'DELETED', object: object('b', 4) })
  t.same(names('y'), ['a'])
  t.throws(() => cache.byIndex('unknown', 'x'), { message: /no index "unknown"/ })
  t.end()
})

t.test('handlers see the cache as it is after the change', (t) => {
  const cache = new Cache<ApiObject>()
  let found: unknown = 'not called'
  cache.onChange({ delete: ({ metadata }) => (found = cache.get('default', metadata.name ?? '')) })
  cache.replace([object('a', 1)], '1')
  cache.apply({ type: 'DELETED', object: object('a', 2) })
  t.equal(found, undefined)
  t.equal(cache.list('default').length, 0)
  t.end()
})

t.test('a handler that throws does not keep the others from hearing', (t) => {
  const errors: unknown[] = []
  const cache = new Cache<ApiObject>({ onHandlerError: (error) => errors.push(error) })
  cache.onChange({
    add: () => {
      throw new Error('bug')
    },
  })
  const seen = recorded(cache)
  cache.replace([object('a', 1), object('b', 2)], '2')
  t.same(seen, ['add a 1', 'add b 2'])
  t.equal(errors.length, 2)
  t.end()
})
