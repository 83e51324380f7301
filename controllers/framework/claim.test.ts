import t from 'tap'
import { replicaSets } from '../../api/apps/replica-set.ts'
import { labelSelectorFrom } from '../../api/meta/selector.ts'
import type { ReplicaSet } from '../../api/types.ts'
import { podOf } from '../testing/objects.ts'
import { planClaims } from './claim.ts'

const owner: ReplicaSet = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'web', namespace: 'default', uid: 'uid-web' },
}
const other: ReplicaSet = { ...owner, metadata: { ...owner.metadata, uid: 'uid-other' } }
const selector = labelSelectorFrom({ matchLabels: { app: 'web' } })
const labels = { app: 'web' }
const ownedBy = (object: ReplicaSet) => ({ owner: { object, resource: replicaSets } })
const candidates = [
  podOf({ name: 'mine', labels, ...ownedBy(owner) }),
  podOf({ name: 'strayed', labels: { app: 'db' }, ...ownedBy(owner) }),
  podOf({ name: 'orphan', labels }),
  podOf({ name: 'dying-orphan', labels, deleted: true }),
  podOf({ name: 'foreign', labels, ...ownedBy(other) }),
  podOf({ name: 'stranger', labels: { app: 'db' } }),
]
const names = (list: readonly { metadata: { name?: string | undefined } }[]) =>
  list.map(({ metadata }) => metadata.name)

t.test('what matches is owned or adopted, what strayed is released, what is another owner’s is left', (t) => {
  const claims = planClaims(owner, selector, candidates)
  t.same(
    [names(claims.owned), names(claims.adopt), names(claims.release)],
    [['mine'], ['orphan'], ['strayed']],
  )
  t.end()
})

t.test('an owner that is going away neither adopts nor releases', (t) => {
  const leaving = { ...owner, metadata: { ...owner.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
  const claims = planClaims(leaving, selector, candidates)
  t.same([names(claims.owned), names(claims.adopt), names(claims.release)], [['mine'], [], []])
  t.end()
})
