import t from 'tap'
import { createNodeMetrics } from './metrics.ts'

void t.test('counters and gauges are exposed with their labels, in any order of naming', async (t) => {
  const metrics = createNodeMetrics()
  const requests = metrics.counter({ name: 'requests_total', help: 'Requests.', labels: ['verb', 'code'] })
  requests.add(1, { verb: 'GET', code: '200' })
  requests.add(2, { code: '200', verb: 'GET' })
  metrics.gauge({ name: 'term', help: 'The term.' }).set(7)
  t.equal(
    await metrics.expose(),
    '# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{code="200",verb="GET"} 3\n\n' +
      '# HELP term The term.\n# TYPE term gauge\nterm 7\n',
  )
})

void t.test('a histogram counts each observation in its bucket and all above', async (t) => {
  const metrics = createNodeMetrics()
  const seconds = metrics.histogram({ name: 's', help: 'Seconds.', labels: ['op'], buckets: [1, 0.1] })
  for (const value of [0.05, 0.1, 0.5, 3]) seconds.observe(value, { op: 'sync' })
  const lines = (await metrics.expose()).trim().split('\n').slice(2)
  t.same(lines, [
    's_bucket{op="sync",le="0.1"} 2',
    's_bucket{op="sync",le="1"} 3',
    's_bucket{op="sync",le="+Inf"} 4',
    's_sum{op="sync"} 3.65',
    's_count{op="sync"} 4',
  ])
})

void t.test('asking twice for one name gives the same instrument', async (t) => {
  const metrics = createNodeMetrics()
  const instrument = { name: 'n', help: 'N.' }
  metrics.counter(instrument).add(1)
  metrics.counter(instrument).add(1)
  t.match(await metrics.expose(), /^n 2$/m)
})

void t.test('what has no labels is zero from the start, and odd texts are escaped', async (t) => {
  const metrics = createNodeMetrics()
  metrics.counter({ name: 'zero', help: 'a\nb \\ c' })
  metrics.gauge({ name: 'odd', help: 'Odd.', labels: ['path'] }).set(Infinity, { path: 'a"b\\c\nd' })
  const text = await metrics.expose()
  t.match(text, '# HELP zero a\\nb \\\\ c\n')
  t.match(text, /^zero 0$/m)
  t.match(text, 'odd{path="a\\"b\\\\c\\nd"} +Inf\n')
})
