import t from 'tap'
import { podOf } from '../testing/pod-fixtures.ts'
import { hostnameOf, hostsFile, resolvConf } from './pod-files.ts'

const nodeText = 'search example.com\nnameserver 1.1.1.1\noptions rotate\n'
const conf = (spec: Parameters<typeof podOf>[0], clusterDns = ['10.96.0.10']) =>
  resolvConf({ pod: podOf(spec), clusterDns, clusterDomain: 'cluster.local', nodeText })

t.test("the hostname is the pod's, cut to a label", async (t) => {
  t.equal(hostnameOf(podOf(), 'n1'), 'web')
  t.equal(hostnameOf(podOf({ hostname: 'me' }), 'n1'), 'me')
  t.equal(hostnameOf(podOf({ hostNetwork: true }), 'n1'), 'n1')
  t.equal(hostnameOf(podOf({}, `${'a'.repeat(62)}-b`), 'n1'), 'a'.repeat(62))
})

t.test('the hosts file has the pod, its subdomain and its aliases', async (t) => {
  const pod = podOf({ subdomain: 'sub', hostAliases: [{ ip: '1.2.3.4', hostnames: ['foo', 'bar'] }] })
  const text = hostsFile({ pod, podIP: '10.244.0.2', hostname: 'web', clusterDomain: 'cluster.local' })
  t.match(text, '10.244.0.2\tweb.sub.default.svc.cluster.local\tweb\n')
  t.match(text, '1.2.3.4\tfoo\tbar\n')
})

t.test("ClusterFirst asks the cluster's name server, Default the node's", async (t) => {
  t.equal(
    conf({}),
    'search default.svc.cluster.local svc.cluster.local cluster.local example.com\nnameserver 10.96.0.10\noptions ndots:5\n',
  )
  t.equal(conf({ dnsPolicy: 'Default' }), nodeText)
  t.equal(conf({ hostNetwork: true }), nodeText)
  t.match(conf({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }), '10.96.0.10')
  t.equal(conf({}, []), nodeText, "without a cluster DNS there is only the node's")
})

t.test('dnsConfig adds and overrides', async (t) => {
  const dnsConfig = {
    nameservers: ['9.9.9.9'],
    searches: ['my.org'],
    options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
  }
  t.equal(
    conf({ dnsPolicy: 'None', dnsConfig }),
    'search my.org\nnameserver 9.9.9.9\noptions ndots:2 edns0\n',
  )
  t.match(conf({ dnsConfig }), 'options ndots:2 edns0')
})
