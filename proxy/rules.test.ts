import t from 'tap'
import type { EndpointSlice, Service } from '../api/types.ts'
import { type VirtualService, virtualServices } from './rules.ts'
import { staleFlows } from './stale-flows.ts'
import { serviceOf, sliceOf } from './testing/objects.ts'

function rules(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  zone = '',
): readonly VirtualService[] {
  return virtualServices(services, slices, { name: 'n1', zone })
}

function only(service: Service, slices: readonly EndpointSlice[], zone = ''): VirtualService {
  const [found] = rules([service], slices, zone)
  if (found === undefined) throw new Error('no virtual service')
  return found
}

const ips = (targets: readonly { readonly ip: string }[]) => targets.map(({ ip }) => ip)

void t.test('headless, ExternalName and other proxies’ Services have no rules', (t) => {
  const none = [
    serviceOf({ name: 'headless', clusterIP: 'None' }),
    serviceOf({ name: 'pending', clusterIP: '' }),
    serviceOf({ name: 'external', spec: { type: 'ExternalName', externalName: 'example.com' } }),
    serviceOf({ name: 'v6', clusterIP: 'fd00::1' }),
    serviceOf({ name: 'other', labels: { 'service.kubernetes.io/service-proxy-name': 'cilium' } }),
  ]
  t.same(
    rules(
      none,
      none.map(({ metadata }) => sliceOf(metadata.name ?? '', [{ ip: '10.0.0.1' }])),
    ),
    [],
  )
  t.end()
})

void t.test('ready endpoints get traffic; while there is none, those that still serve as they go', (t) => {
  const gone = { ip: '10.0.0.3', ready: false, serving: false, terminating: true }
  const going = { ip: '10.0.0.2', ready: false, serving: true, terminating: true }
  const starting = { ip: '10.0.0.4', ready: false, serving: false }
  const service = serviceOf({ name: 'web' })
  t.same(ips(only(service, [sliceOf('web', [{ ip: '10.0.0.1' }, going, gone, starting])]).internal), [
    '10.0.0.1',
  ])
  t.same(ips(only(service, [sliceOf('web', [going, gone, starting])]).internal), ['10.0.0.2'])
  t.same(ips(only(service, [sliceOf('web', [gone, starting])]).internal), [])
  t.end()
})

void t.test('Local policies use only endpoints of this node, each for its kind of traffic', (t) => {
  const slice = sliceOf('web', [
    { ip: '10.0.0.1', nodeName: 'n1' },
    { ip: '10.0.0.2', nodeName: 'n2' },
  ])
  const external = only(
    serviceOf({ name: 'web', nodePort: 30000, spec: { externalTrafficPolicy: 'Local' } }),
    [slice],
  )
  t.same(
    [ips(external.internal), ips(external.external), ips(external.cluster)],
    [['10.0.0.1', '10.0.0.2'], ['10.0.0.1'], ['10.0.0.1', '10.0.0.2']],
  )
  const internal = only(serviceOf({ name: 'web', spec: { internalTrafficPolicy: 'Local' } }), [slice])
  t.same(ips(internal.internal), ['10.0.0.1'])
  t.end()
})

void t.test('a Local policy without a local endpoint knows whether there are others elsewhere', (t) => {
  const service = serviceOf({ name: 'web', spec: { internalTrafficPolicy: 'Local' } })
  const elsewhere = only(service, [sliceOf('web', [{ ip: '10.0.0.2', nodeName: 'n2' }])])
  t.same([ips(elsewhere.internal), elsewhere.hasTargetsSomewhere], [[], true])
  t.equal(only(service, []).hasTargetsSomewhere, false)
  t.end()
})

void t.test('ports are matched by name and protocol, and an endpoint in two slices counts once', (t) => {
  const slices = [
    sliceOf('web', [{ ip: '10.0.0.1', ready: false }], { name: 'old' }),
    sliceOf('web', [{ ip: '10.0.0.1' }], { name: 'new' }),
    sliceOf('web', [{ ip: '10.0.0.9' }], { name: 'udp', protocol: 'UDP' }),
    sliceOf('other', [{ ip: '10.0.0.8' }]),
  ]
  t.same(only(serviceOf({ name: 'web' }), slices).internal, [{ ip: '10.0.0.1', port: 8080 }])
  t.end()
})

void t.test('zone hints narrow the choice only when every endpoint has one and one is for us', (t) => {
  const service = serviceOf({ name: 'web' })
  const hinted = [
    { ip: '10.0.0.1', zones: ['a'] },
    { ip: '10.0.0.2', zones: ['b'] },
  ]
  t.same(ips(only(service, [sliceOf('web', hinted)], 'a').internal), ['10.0.0.1'])
  t.same(ips(only(service, [sliceOf('web', hinted)], 'c').internal), ['10.0.0.1', '10.0.0.2'])
  t.same(ips(only(service, [sliceOf('web', [...hinted, { ip: '10.0.0.3' }])], 'a').internal).length, 3)
  t.end()
})

void t.test('ClientIP affinity has a time, three hours unless said otherwise', (t) => {
  t.equal(only(serviceOf({ name: 'web' }), []).affinitySeconds, undefined)
  t.equal(only(serviceOf({ name: 'web', spec: { sessionAffinity: 'ClientIP' } }), []).affinitySeconds, 10_800)
  const config = { clientIP: { timeoutSeconds: 7 } }
  const spec = { sessionAffinity: 'ClientIP', sessionAffinityConfig: config }
  t.equal(only(serviceOf({ name: 'web', spec }), []).affinitySeconds, 7)
  t.end()
})

void t.test('text that is no address never gets into the rules', (t) => {
  const service = serviceOf({ name: 'web', spec: { externalIPs: ['10.0.0.1; drop', '192.0.2.1'] } })
  const slice = sliceOf('web', [{ ip: '10.0.0.300' }, { ip: 'a }' }, { ip: '10.0.0.2' }])
  const found = only(service, [slice])
  t.same([found.externalIps, ips(found.internal)], [['192.0.2.1'], ['10.0.0.2']])
  t.end()
})

void t.test(
  'UDP flows are stale to endpoints that are gone, and altogether when the first endpoint comes',
  (t) => {
    const service = serviceOf({ name: 'dns', protocol: 'UDP', port: 53, nodePort: 30053 })
    const at = (...list: string[]) =>
      rules(
        [service],
        [
          sliceOf(
            'dns',
            list.map((ip) => ({ ip })),
            { protocol: 'UDP' },
          ),
        ],
      )
    t.same(staleFlows(at('10.0.0.1', '10.0.0.2'), at('10.0.0.2')), [
      { originalIp: '10.96.0.10', nodePort: undefined, endpointIp: '10.0.0.1' },
      { originalIp: undefined, nodePort: 30053, endpointIp: '10.0.0.1' },
    ])
    t.same(
      staleFlows(at(), at('10.0.0.2')).map(({ endpointIp, originalIp }) => [originalIp, endpointIp]),
      [
        ['10.96.0.10', undefined],
        [undefined, undefined],
      ],
    )
    t.same(staleFlows(at('10.0.0.1'), at('10.0.0.1')), [])
    t.equal(staleFlows(at('10.0.0.1'), []).length, 2)
    const tcp = rules([serviceOf({ name: 'web' })], [sliceOf('web', [{ ip: '10.0.0.1' }])])
    t.same(staleFlows(tcp, []), [])
    t.end()
  },
)
