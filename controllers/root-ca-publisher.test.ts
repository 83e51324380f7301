import t from 'tap'
import { planRootCa } from './root-ca-publisher.ts'

t.test('a missing map is made, an edited one is restored with its labels, a right one is left alone', (t) => {
  const made = planRootCa('default', 'CA', undefined)
  t.match(made, { metadata: { name: 'kube-root-ca.crt', namespace: 'default' }, data: { 'ca.crt': 'CA' } })
  if (!made) throw new Error('expected a map')
  t.equal(planRootCa('default', 'CA', made), undefined)
  const edited = {
    ...made,
    metadata: { ...made.metadata, labels: { a: 'b' } },
    data: { 'ca.crt': 'evil', more: 'x' },
  }
  const restored = planRootCa('default', 'CA', edited)
  t.same(restored?.data, { 'ca.crt': 'CA' })
  t.same(restored?.metadata.labels, { a: 'b' })
  t.end()
})
