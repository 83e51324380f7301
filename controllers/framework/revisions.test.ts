import t from 'tap'
import { daemonSets } from '../../api/apps/daemon-set.ts'
import type { ControllerRevision, DaemonSet } from '../../api/types.ts'
import { hashOfRevision, planHistory } from './revisions.ts'

const owner: DaemonSet = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'd', namespace: 'default', uid: 'u' },
}
const template = (image: string) => ({ spec: { containers: [{ name: 'c', image }] } })
const plan = (image: string, revisions: readonly ControllerRevision[], collisionCount?: number) =>
  planHistory({ owner, resource: daemonSets, template: template(image), collisionCount, revisions })

t.test(
  'a template keeps its revision, a new one gets the next number, one that comes back is renumbered',
  (t) => {
    const first = plan('a', [])
    t.equal(first.type, 'create')
    t.equal(first.revision.revision, 1)
    t.equal(plan('a', [first.revision]).type, 'keep')
    const second = plan('b', [first.revision])
    t.same([second.type, second.revision.revision], ['create', 2])
    const back = plan('a', [second.revision, first.revision])
    t.same(
      [back.type, back.revision.revision, back.revision.metadata.name],
      ['renumber', 3, first.revision.metadata.name],
    )
    t.end()
  },
)

t.test('a collision changes the name, and the label is the hash', (t) => {
  const plain = plan('a', []).revision
  const other = plan('a', [], 1).revision
  t.not(plain.metadata.name, other.metadata.name)
  t.equal(plain.metadata.name, `d-${hashOfRevision(plain)}`)
  t.end()
})
