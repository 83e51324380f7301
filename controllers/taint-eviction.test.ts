import t from 'tap'
import { evictionMs } from './taint-eviction.ts'
import { epochMs, podOf } from './testing/objects.ts'

const nowMs = epochMs + 100_000
const taint = { key: 'k', effect: 'NoExecute', timeAdded: '2026-01-01T00:01:00Z' }
const tolerating = (tolerationSeconds?: number) =>
  podOf({
    name: 'p',
    spec: { tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds }] },
  })

t.test('a pod goes at once, at the end of its patience, or never', (t) => {
  t.equal(evictionMs(podOf({ name: 'p' }), [taint], nowMs), nowMs)
  t.equal(evictionMs(tolerating(300), [taint], nowMs), epochMs + 60_000 + 300_000)
  t.equal(evictionMs(tolerating(), [taint], nowMs), undefined)
  t.equal(evictionMs(podOf({ name: 'p' }), [{ ...taint, effect: 'NoSchedule' }], nowMs), undefined)
  t.equal(evictionMs(podOf({ name: 'p' }), [], nowMs), undefined)
  t.end()
})

t.test('patience with several taints is the shortest, and none for one untolerated', (t) => {
  const pod = podOf({
    name: 'p',
    spec: {
      tolerations: [
        { key: 'k', operator: 'Exists', tolerationSeconds: 300 },
        { key: 'l', operator: 'Exists', tolerationSeconds: 30 },
      ],
    },
  })
  const other = { ...taint, key: 'l' }
  t.equal(evictionMs(pod, [taint, other], nowMs), epochMs + 90_000)
  t.equal(evictionMs(pod, [taint, other, { ...taint, key: 'm' }], nowMs), nowMs)
  t.end()
})

t.test('a pod that came after the taint has its whole patience', (t) => {
  const late = { ...tolerating(300), status: { startTime: '2026-01-01T00:01:30Z' } }
  t.equal(evictionMs(late, [taint], nowMs), epochMs + 90_000 + 300_000)
  t.end()
})
