import t from 'tap'
import { findKind } from '../../api/catalog.ts'
import { defined } from '../../platform/assert.ts'
import { asObject } from '../storage/parse.ts'
import { type DeleteOptions, isDeletable, planDeletion } from './deletion.ts'

const nowMs = Date.parse('2026-01-01T00:00:00Z')
const pods = defined(findKind('', 'v1', 'pods'), 'pods')
const namespaces = defined(findKind('', 'v1', 'namespaces'), 'namespaces')
const deployments = defined(findKind('apps', 'v1', 'deployments'), 'deployments')

const plain: DeleteOptions = {
  gracePeriodSeconds: undefined,
  propagationPolicy: undefined,
  preconditions: {},
}

function pod(spec: object, metadata: object = {}, status: object = {}) {
  return asObject({ kind: 'Pod', apiVersion: 'v1', metadata: { name: 'p', ...metadata }, spec, status })
}

void t.test('when a pod goes: by node, phase, grace period and what was asked before', (t) => {
  const running = { nodeName: 'n1', terminationGracePeriodSeconds: 20 }
  const deleting = { deletionTimestamp: '2026-01-01T00:00:20Z', deletionGracePeriodSeconds: 20 }
  const rows: readonly (readonly [string, ReturnType<typeof pod>, Partial<DeleteOptions>, string])[] = [
    ['not scheduled', pod({}), {}, 'remove'],
    ['scheduled', pod(running), {}, 'mark 20'],
    ['scheduled, default grace', pod({ nodeName: 'n1' }), {}, 'mark 30'],
    ['asked for 5', pod(running), { gracePeriodSeconds: 5 }, 'mark 5'],
    ['negative is one', pod(running), { gracePeriodSeconds: -1 }, 'mark 1'],
    ['forced', pod(running), { gracePeriodSeconds: 0 }, 'remove'],
    ['succeeded', pod(running, {}, { phase: 'Succeeded' }), {}, 'remove'],
    ['failed', pod(running, {}, { phase: 'Failed' }), {}, 'remove'],
    ['again', pod(running, deleting), {}, 'keep'],
    ['again and longer', pod(running, deleting), { gracePeriodSeconds: 60 }, 'keep'],
    ['again and shorter', pod(running, deleting), { gracePeriodSeconds: 3 }, 'mark 3'],
    ['confirmed by the kubelet', pod(running, deleting), { gracePeriodSeconds: 0 }, 'remove'],
    ['forced with a finalizer', pod(running, { finalizers: ['x/y'] }), { gracePeriodSeconds: 0 }, 'mark 0'],
  ]
  for (const [name, object, options, expected] of rows) {
    const plan = planDeletion(pods, object, { ...plain, ...options }, nowMs)
    const text =
      plan.action === 'mark' ? `mark ${String(plan.object.metadata.deletionGracePeriodSeconds)}` : plan.action
    t.equal(text, expected, name)
  }
  t.end()
})

void t.test('the time of deletion is when the grace period ends', (t) => {
  const plan = planDeletion(pods, pod({ nodeName: 'n1' }), plain, nowMs)
  t.equal(plan.action === 'mark' && plan.object.metadata.deletionTimestamp, '2026-01-01T00:00:30Z')
  t.end()
})

void t.test('how dependents are treated travels as a finalizer', (t) => {
  const object = (finalizers: readonly string[]) =>
    asObject({ kind: 'Deployment', apiVersion: 'apps/v1', metadata: { name: 'd', finalizers } })
  const finalizersAfter = (
    before: readonly string[],
    propagationPolicy: DeleteOptions['propagationPolicy'],
  ) => {
    const plan = planDeletion(deployments, object(before), { ...plain, propagationPolicy }, nowMs)
    return plan.action === 'mark' ? (plan.object.metadata.finalizers ?? []) : plan.action
  }
  t.same(finalizersAfter([], undefined), 'remove')
  t.same(finalizersAfter([], 'Background'), 'remove')
  t.same(finalizersAfter([], 'Orphan'), ['orphan'])
  t.same(finalizersAfter([], 'Foreground'), ['foregroundDeletion'])
  t.same(finalizersAfter(['x/y', 'foregroundDeletion'], 'Orphan'), ['x/y', 'orphan'])
  t.same(finalizersAfter(['foregroundDeletion'], 'Background'), 'remove')
  t.same(finalizersAfter(['x/y'], undefined), ['x/y'])
  t.end()
})

void t.test('a namespace waits for both kinds of finalizers', (t) => {
  const namespace = (spec: object, metadata: object = {}) =>
    asObject({
      kind: 'Namespace',
      apiVersion: 'v1',
      metadata: { name: 'n', ...metadata },
      spec,
      status: { phase: 'Active' },
    })
  const plan = planDeletion(namespaces, namespace({ finalizers: ['kubernetes'] }), plain, nowMs)
  t.match(plan, { action: 'mark', object: { status: { phase: 'Terminating' } } })
  t.equal(planDeletion(namespaces, namespace({ finalizers: [] }), plain, nowMs).action, 'remove')
  t.notOk(isDeletable(namespaces, namespace({ finalizers: ['kubernetes'] })))
  t.notOk(isDeletable(namespaces, namespace({}, { finalizers: ['x/y'] })))
  t.ok(isDeletable(namespaces, namespace({})))
  t.end()
})
