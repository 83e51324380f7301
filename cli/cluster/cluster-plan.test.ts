import t from 'tap'
import { planCertificates } from './certificate-plan.ts'
import { clusterPaths } from './cluster-file.ts'
import { hostPorts, planCluster, type PlanWish, portBlockSize } from './cluster-plan.ts'
import { commandLineOf } from './process-arguments.ts'

const wish: PlanWish = {
  name: 'blue',
  id: 'abc123',
  token: 'secret',
  createdAt: '2026-01-01T00:00:00Z',
  skediaVersion: '0.1.0',
  shape: { members: 3, apiservers: 2, nodes: 2, fakeNodes: 0 },
  basePort: 6443,
  runtime: { kind: 'runc' },
  networkIndex: 1,
}

void t.test('a cluster has the processes that the names promise', async (t) => {
  const names = planCluster(wish).processes.map((spec) => spec.name)
  t.same(names, ['m1', 'm2', 'm3', 'a1', 'a2', 'c1', 'c2', 's1', 's2', 'f1', 'n1', 'p1', 'n2', 'p2'])
})

void t.test('no two processes of the host share a port, and all lie in the block', async (t) => {
  for (const runtime of [{ kind: 'runc' as const }, { kind: 'fake' as const }]) {
    const largest = { members: 5, apiservers: 9, nodes: 20, fakeNodes: 500 }
    const cluster = planCluster({
      ...wish,
      runtime,
      shape: largest,
      networkIndex: runtime.kind === 'runc' ? 0 : undefined,
    })
    const ports = hostPorts(cluster).map((named) => named.port)
    t.equal(new Set(ports).size, ports.length)
    t.ok(
      ports.every((port) => port >= 6443 && port < 6443 + portBlockSize),
      `${Math.max(...ports)}`,
    )
  }
})

void t.test('the same wish gives the same plan', async (t) => {
  t.same(planCluster(wish), planCluster(wish))
})

void t.test('two clusters of one machine share no address', async (t) => {
  const one = planCluster(wish).network
  const other = planCluster({ ...wish, networkIndex: 2 }).network
  t.not(one?.nodeCidr, other?.nodeCidr)
  t.not(one?.podCidr, other?.podCidr)
})

void t.test('a node runs in its network namespace, everything else on the host', async (t) => {
  const cluster = planCluster(wish)
  const input = {
    cluster,
    paths: clusterPaths('/d'),
    nodePath: '/node',
    nodeVersion: '20.20.2',
    entry: '/skedia.js',
  }
  for (const spec of cluster.processes) {
    const { command, args } = commandLineOf(input, spec)
    if (spec.node === undefined) t.equal(command, '/node', spec.name)
    else t.match([command, args[0]], ['nsenter', `--net=/run/netns/sk-abc123-${spec.node}`], spec.name)
    t.ok(
      args.some((arg) => arg.startsWith('--healthz-bind-address=')),
      `${spec.name} has a health endpoint`,
    )
  }
})

void t.test('nodes reach every apiserver across the bridge, controllers over loopback', async (t) => {
  const cluster = planCluster(wish)
  const input = {
    cluster,
    paths: clusterPaths('/d'),
    nodePath: '/node',
    nodeVersion: '20.20.2',
    entry: '/skedia.js',
  }
  const masterOf = (name: string) => {
    const spec = cluster.processes.find((one) => one.name === name)
    return spec && commandLineOf(input, spec).args.find((arg) => arg.startsWith('--master='))
  }
  t.equal(masterOf('n1'), '--master=https://10.65.0.1:6444,https://10.65.0.1:6445')
  t.equal(masterOf('c1'), '--master=https://127.0.0.1:6444,https://127.0.0.1:6445')
})

void t.test('every certificate is issued for the identity that its process needs', async (t) => {
  const byName = new Map(planCertificates(planCluster(wish)).map((spec) => [spec.name, spec]))
  t.match(byName.get('n1'), {
    commonName: 'system:node:n1',
    organizations: ['system:nodes'],
    authority: 'ca',
  })
  t.match(byName.get('scheduler'), { commonName: 'system:kube-scheduler' })
  t.match(byName.get('admin'), { commonName: 'kubernetes-admin', organizations: ['system:masters'] })
  t.equal(byName.get('m1-peer')?.authority, 'peer-ca')
  t.equal(byName.get('m1-server')?.authority, 'store-ca')
  t.ok(byName.get('apiserver')?.ipAddresses.includes('10.65.0.1'), 'pods reach it at the bridge')
  t.ok(byName.get('apiserver')?.ipAddresses.includes('10.96.0.1'), 'and at the Service')
})
