import fc from 'fast-check'
import t from 'tap'
import type { EndpointSlice, Pod, Service } from '../../api/types.ts'
import { podOf } from '../testing/objects.ts'
import { planEndpoints } from './endpoints-plan.ts'
import { endpointsPerSliceMax, planSlices } from './slice-plan.ts'

const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default', uid: 'uid-svc', labels: { team: 'a' } },
  spec: {
    clusterIP: '10.96.0.9',
    ipFamilies: ['IPv4'],
    ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' }],
  },
}

function podAt(index: number, more: Partial<Parameters<typeof podOf>[0]> & { port?: number } = {}): Pod {
  const containers = [{ name: 'c', ports: [{ name: 'web', containerPort: more.port ?? 8080 }] }]
  return podOf({
    name: `p${index}`,
    ip: `10.1.${Math.floor(index / 250)}.${index % 250}`,
    nodeName: 'n1',
    spec: { containers },
    ...more,
  })
}

function apply(
  slices: readonly EndpointSlice[],
  pods: readonly Pod[],
): { slices: readonly EndpointSlice[]; writes: number } {
  const plan = planSlices({ service, pods, slices, node: () => undefined })
  const gone = new Set(plan.delete.map(({ metadata }) => metadata.name))
  const updated = new Map(plan.update.map((slice) => [slice.metadata.name, slice]))
  const kept = slices
    .filter(({ metadata }) => !gone.has(metadata.name))
    .map((slice) => updated.get(slice.metadata.name) ?? slice)
  return {
    slices: [...kept, ...plan.create],
    writes: plan.create.length + plan.update.length + plan.delete.length,
  }
}

const addresses = (slices: readonly EndpointSlice[]) =>
  slices.flatMap(({ endpoints }) => endpoints.flatMap((endpoint) => endpoint.addresses)).toSorted()

t.test('a pod is ready, or serving but going, and the slice says which', (t) => {
  const { slices } = apply(
    [],
    [podAt(1), podAt(2, { ready: false }), podAt(3, { deleted: true }), podAt(4, { phase: 'Failed' })],
  )
  t.match(slices, [
    {
      addressType: 'IPv4',
      metadata: {
        labels: {
          team: 'a',
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        ownerReferences: [{ kind: 'Service', uid: 'uid-svc' }],
      },
      ports: [{ name: 'http', port: 8080 }],
    },
  ])
  t.same(
    slices[0]?.endpoints.map(({ conditions }) => conditions),
    [
      { ready: true, serving: true, terminating: false },
      { ready: false, serving: false, terminating: false },
      { ready: false, serving: true, terminating: true },
    ],
  )
  t.end()
})

t.test('pods with another number behind a named port get a slice of their own', (t) => {
  const { slices } = apply([], [podAt(1), podAt(2, { port: 9090 })])
  t.same(
    slices.map(({ ports }) => ports?.[0]?.port),
    [8080, 9090],
  )
  t.end()
})

t.test('a Service without pods has one empty slice, and looking again writes nothing', (t) => {
  const first = apply([], [])
  t.equal(first.slices.length, 1)
  t.equal(apply(first.slices, []).writes, 0)
  t.end()
})

t.test('two looks at one stale cache name a new slice equally', (t) => {
  const names = [apply([], [podAt(1)]), apply([], [podAt(1), podAt(2)])].map(
    ({ slices }) => slices[0]?.metadata.name,
  )
  t.equal(names[0], names[1])
  t.end()
})

t.test('slices hold exactly the pods, at most a hundred each, and settle after one look', (t) => {
  const step = fc.array(fc.integer({ min: 0, max: 420 }), { maxLength: 400 })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 5 }), (steps) => {
      let slices: readonly EndpointSlice[] = []
      for (const indexes of steps) {
        const pods = [...new Set(indexes)].map((index) => podAt(index))
        slices = apply(slices, pods).slices
        const expected = pods.map(({ status }) => status?.podIP ?? '').toSorted()
        if (JSON.stringify(addresses(slices)) !== JSON.stringify(expected))
          throw new Error('other addresses than pods')
        if (slices.some(({ endpoints }) => endpoints.length > endpointsPerSliceMax))
          throw new Error('a slice too large')
        const names = slices.map(({ metadata }) => metadata.name)
        if (new Set(names).size !== names.length) throw new Error('a name twice')
        if (apply(slices, pods).writes !== 0) throw new Error('a second look writes')
      }
    }),
    { numRuns: 60 },
  )
  t.pass('60 histories')
  t.end()
})

t.test('one pod more or less is one write', (t) => {
  const pods = Array.from({ length: 250 }, (_, index) => podAt(index))
  const { slices } = apply([], pods)
  t.equal(slices.length, 3)
  t.equal(apply(slices, [...pods, podAt(300)]).writes, 1)
  t.equal(apply(slices, pods.slice(1)).writes, 1)
  t.end()
})

t.test('Endpoints list the ready and the others, leave out the going, and are cut at a thousand', (t) => {
  const endpoints = planEndpoints(
    service,
    [podAt(1), podAt(2, { ready: false }), podAt(3, { deleted: true })],
    undefined,
  )
  t.match(endpoints?.subsets, [
    {
      addresses: [{ ip: '10.1.0.1' }],
      notReadyAddresses: [{ ip: '10.1.0.2' }],
      ports: [{ name: 'http', port: 8080 }],
    },
  ])
  t.equal(planEndpoints(service, [podAt(1), podAt(2, { ready: false })], endpoints), undefined)
  const many = planEndpoints(
    service,
    Array.from({ length: 1100 }, (_, index) => podAt(index)),
    undefined,
  )
  t.equal(many?.subsets?.[0]?.addresses?.length, 1000)
  t.equal(many?.metadata.annotations?.['endpoints.kubernetes.io/over-capacity'], 'truncated')
  t.end()
})
