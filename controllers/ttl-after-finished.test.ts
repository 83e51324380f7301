import t from 'tap'
import { jobs } from '../api/batch/job.ts'
import type { Job } from '../api/types.ts'
import { ClusterWorld } from './testing/cluster-world.ts'
import { epochMs } from './testing/objects.ts'
import { expiryMs } from './ttl-after-finished.ts'

const job: Job = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'j', namespace: 'default' },
  spec: { ttlSecondsAfterFinished: 60, template: {} },
  status: { conditions: [{ type: 'Complete', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
}

t.test('only an ended job with a TTL expires', (t) => {
  t.equal(expiryMs(job), epochMs + 60_000)
  t.equal(expiryMs({ ...job, status: {} }), undefined)
  t.equal(expiryMs({ ...job, spec: { template: {} } }), undefined)
  t.end()
})

t.test('the job goes when its time has come, not before', async (t) => {
  const world = await ClusterWorld.start(1n, { controllers: ['ttl-after-finished-controller'] })
  world.cluster.set(jobs, job)
  await world.base.world.run(59_000 - world.nowMs)
  t.ok(world.cluster.get(jobs, 'default', 'j'))
  // Deleted in the foreground: the garbage collector, which does not run here, would take the finalizer off.
  const isGoing = () => world.cluster.get(jobs, 'default', 'j')?.metadata.deletionTimestamp !== undefined
  await world.until(isGoing, 'the deletion', 10_000)
  t.ok(world.nowMs >= 60_000)
})
