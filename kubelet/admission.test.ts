import t from 'tap'
import type { Node, PodSpec } from '../api/types.ts'
import { type AdmissionInput, admitPod } from './admission.ts'
import { containerOf, podOf } from './testing/pod-fixtures.ts'

const asking = (cpu: string, name = 'web') =>
  podOf({ containers: [containerOf('c', { resources: { requests: { cpu, memory: '1Mi' } } })] }, name)

function admit(spec: Partial<PodSpec>, more: Partial<AdmissionInput> = {}) {
  return admitPod({
    pod: podOf(spec),
    nodeName: 'n1',
    node: undefined,
    allocatable: { cpu: '2', memory: '1Gi', pods: '3' },
    others: [],
    ...more,
  })
}

t.test('a pod that fits is admitted', async (t) => {
  t.equal(admit({}, { pod: asking('2') }), undefined)
})

t.test('requests of the other pods count', async (t) => {
  const rejection = admit({}, { pod: asking('500m'), others: [asking('1', 'a'), asking('600m', 'b')] })
  t.same(rejection, {
    reason: 'OutOfcpu',
    message:
      "Pod was rejected: Node didn't have enough resource: cpu, requested: 500, used: 1600, capacity: 2000",
  })
})

t.test('a resource that the node does not have is lacking', async (t) => {
  const limits = { 'example.com/gpu': '1' }
  t.equal(
    admit({ containers: [containerOf('c', { resources: { requests: limits, limits } })] })?.reason,
    'OutOfexample.com/gpu',
  )
})

t.test('only so many pods are taken', async (t) => {
  const others = ['a', 'b', 'c'].map((name) => podOf({}, name))
  t.equal(admit({}, { others })?.reason, 'OutOfpods')
})

t.test('a pod bound elsewhere is not ours', async (t) => {
  t.equal(admit({ nodeName: 'n2' })?.reason, 'NodeName')
})

t.test('what the pod demands of its node still holds when it comes', async (t) => {
  const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels: { disk: 'hdd' } } }
  t.equal(admit({ nodeSelector: { disk: 'ssd' } }, { node })?.reason, 'NodeAffinity')
  t.equal(admit({ nodeSelector: { disk: 'hdd' } }, { node }), undefined)
})

t.test('a host port is given once', async (t) => {
  const containers = [containerOf('c', { ports: [{ containerPort: 80, hostPort: 8080 }] })]
  t.equal(admit({ containers }, { others: [podOf({ containers }, 'other')] })?.reason, 'NodePorts')
  t.equal(admit({ containers }), undefined)
})
