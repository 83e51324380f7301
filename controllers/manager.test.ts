import t from 'tap'
import { deployments } from '../api/apps/deployment.ts'
import { replicaSets } from '../api/apps/replica-set.ts'
import { jobs } from '../api/batch/job.ts'
import { configMaps } from '../api/core/config-map.ts'
import { nodes } from '../api/core/node.ts'
import { pods } from '../api/core/pod.ts'
import { serviceAccounts } from '../api/core/service-account.ts'
import { services } from '../api/core/service.ts'
import { endpointSlices } from '../api/discovery/endpoint-slice.ts'
import { conflict, serviceUnavailable } from '../api/meta/status.ts'
import type { Deployment, Job } from '../api/types.ts'
import { seededRandom } from '../platform/random.ts'
import { controllers } from './catalog.ts'
import { chooseControllers } from './manager.ts'
import { ClusterWorld } from './testing/cluster-world.ts'
import { deploymentOf } from './testing/objects.ts'

// Real seconds for the whole file, on a machine that is busy with other tests.
t.setTimeout(240_000)

const web = { namespace: 'default', name: 'web' }

function changeSpec(world: ClusterWorld, change: Partial<Deployment['spec']>): void {
  world.cluster.change(deployments, web.namespace, web.name, (deployment) => {
    const generation = (deployment.metadata.generation ?? 1) + 1
    return trustedSpec({ ...deployment, metadata: { ...deployment.metadata, generation } }, change)
  })
}

function trustedSpec(deployment: Deployment, change: Partial<Deployment['spec']>): Deployment {
  const { spec } = deployment
  if (!spec) throw new Error('no spec')
  return { ...deployment, spec: { ...spec, ...change } }
}

const imageTemplate = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image }] },
})

function isRolledOut(world: ClusterWorld, replicas: number, image: string): boolean {
  const deployment = world.cluster.get(deployments, web.namespace, web.name)
  const { status, metadata } = deployment ?? {}
  const running = world.activePods().filter(({ spec }) => spec?.containers[0]?.image === image)
  return (
    running.length === replicas &&
    world.activePods().length === replicas &&
    status?.updatedReplicas === replicas &&
    status.availableReplicas === replicas &&
    status.observedGeneration === metadata?.generation
  )
}

t.test('a deployment comes up, rolls out, scales and is taken away with all it owns', async (t) => {
  const world = await ClusterWorld.start(1n)
  world.createDeployment(deploymentOf('web'))
  await world.until(() => isRolledOut(world, 3, 'web:1'), 'the first rollout')
  changeSpec(world, { template: imageTemplate('web:2') })
  await world.until(() => isRolledOut(world, 3, 'web:2'), 'the second rollout')
  changeSpec(world, { replicas: 5 })
  await world.until(() => isRolledOut(world, 5, 'web:2'), 'the scale')
  t.equal(world.replicaSetCount(), 2)
  world.cluster.remove(deployments, web.namespace, web.name)
  await world.until(
    () => world.replicaSetCount() === 0 && world.cluster.all(pods).length === 0,
    'the collection',
  )
  t.same(world.base.world.violations, [])
})

t.test('an answer that is lost makes no second pod and no second set', async (t) => {
  const world = await ClusterWorld.start(2n)
  let lost = 0
  world.cluster.intercept = ({ method, target }) => {
    if (method !== 'POST' || lost >= 4 || !['pods', 'replicasets'].includes(target.kind.resource))
      return undefined
    lost += 1
    return { type: 'lose-answer' }
  }
  let most = 0
  world.createDeployment(deploymentOf('web'))
  await world.until(
    () => {
      most = Math.max(most, world.activePods().length)
      return isRolledOut(world, 3, 'web:1')
    },
    'the rollout',
    120_000,
  )
  await world.base.world.run(30_000)
  t.equal(lost, 4)
  t.ok(most <= 3, `${most} pods at once`)
  t.equal(world.replicaSetCount(), 1)
})

for (const seed of [31n, 32n, 33n, 34n]) {
  t.test(`a rollout converges through conflicts, errors and changes of leader, seed ${seed}`, async (t) => {
    const world = await ClusterWorld.start(seed, { managers: 2 })
    const random = seededRandom(seed)
    let isFaulty = true
    world.cluster.intercept = ({ method, target }) => {
      if (!isFaulty || target.kind.resource === 'leases') return undefined
      const draw = random.int(20)
      if (draw === 0) return { type: 'refuse', error: serviceUnavailable('not now') }
      if (draw === 1 && method === 'PUT')
        return { type: 'refuse', error: conflict(target.kind, target.name ?? '') }
      return undefined
    }
    world.createDeployment(deploymentOf('web'))
    for (let round = 1; round <= 6; round += 1) {
      await world.base.world.run(random.int(6000))
      changeSpec(world, { replicas: random.int(7), template: imageTemplate(`web:${random.int(3)}`) })
      const leader = world.managers.find(({ manager }) => manager.isLeading())
      if (leader && random.int(2) === 0) {
        world.kill(leader)
        await world.startManager(`c${round + 10}`)
      }
    }
    isFaulty = false
    const { replicas = 0, template } = world.cluster.get(deployments, web.namespace, web.name)?.spec ?? {}
    const image = template?.spec?.containers[0]?.image ?? ''
    await world.until(() => isRolledOut(world, replicas, image), 'the last state', 120_000)
    const owned = world.cluster.all(replicaSets).filter(({ spec }) => (spec?.replicas ?? 0) > 0)
    t.ok(owned.length <= 1)
    t.same(world.base.world.violations, [])
  })
}

function jobOf(name: string, spec: Partial<Job['spec']>): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default', uid: `uid-${name}` },
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': `uid-${name}` } },
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } },
      ...spec,
    },
  }
}

const isDone = (world: ClusterWorld, name: string, type: string) =>
  world.cluster.get(jobs, 'default', name)?.status?.conditions?.some((each) => each.type === type) ?? false

t.test('every pod of a job is counted exactly once though the leader dies in between', async (t) => {
  const world = await ClusterWorld.start(3n, { managers: 2 })
  world.outcomeOf = () => 'Succeeded'
  const random = seededRandom(3n)
  let isFaulty = true
  world.cluster.intercept = ({ target }) =>
    isFaulty && target.kind.resource !== 'leases' && random.int(6) === 0
      ? { type: 'refuse', error: serviceUnavailable('not now') }
      : undefined
  world.createJob(jobOf('count', { completions: 20, parallelism: 4 }))
  for (let round = 0; round < 4; round += 1) {
    await world.base.world.run(700)
    const leader = world.managers.find(({ manager }) => manager.isLeading())
    if (!leader) continue
    world.kill(leader)
    await world.startManager(`c${round + 10}`)
  }
  isFaulty = false
  await world.until(() => isDone(world, 'count', 'Complete'), 'the job', 180_000)
  const status = world.cluster.get(jobs, 'default', 'count')?.status
  t.equal(status?.succeeded, 20)
  t.equal(status?.failed, 0)
  const all = world.cluster.all(pods)
  t.equal(all.length, 20)
  t.ok(all.every(({ metadata }) => (metadata.finalizers ?? []).length === 0))
})

t.test('an indexed job runs each index once and a hopeless one fails at its backoff limit', async (t) => {
  const world = await ClusterWorld.start(4n)
  world.outcomeOf = ({ metadata }) => (metadata.name?.startsWith('bad') ? 'Failed' : 'Succeeded')
  world.createJob(jobOf('indexed', { completions: 5, parallelism: 3, completionMode: 'Indexed' }))
  world.createJob(jobOf('bad', { backoffLimit: 2 }))
  await world.until(() => isDone(world, 'indexed', 'Complete'), 'the indexed job')
  t.equal(world.cluster.get(jobs, 'default', 'indexed')?.status?.completedIndexes, '0-4')
  await world.until(() => isDone(world, 'bad', 'Failed'), 'the failed job', 180_000)
  t.match(world.cluster.get(jobs, 'default', 'bad')?.status, { failed: 3 })
  t.equal(world.cluster.all(pods).filter(({ metadata }) => metadata.name?.startsWith('bad')).length, 3)
})

t.test('a node that falls silent is tainted and its pods are replaced elsewhere', async (t) => {
  const world = await ClusterWorld.start(5n, { nodes: 3 })
  world.createDeployment(deploymentOf('web', { replicas: 6 }))
  await world.until(() => isRolledOut(world, 6, 'web:1'), 'the rollout')
  world.deadNodes.add('n1')
  const isUnreachable = () =>
    world.cluster
      .get(nodes, undefined, 'n1')
      ?.spec?.taints?.some(({ key, effect }) => key.endsWith('/unreachable') && effect === 'NoExecute') ??
    false
  await world.until(isUnreachable, 'the taint', 90_000)
  await world.until(
    () => world.activePods().filter(({ spec }) => spec?.nodeName !== 'n1').length === 6,
    'replacements',
    60_000,
  )
  world.deadNodes.delete('n1')
  await world.until(() => isRolledOut(world, 6, 'web:1'), 'the old pods to be gone')
  await world.until(() => !isUnreachable(), 'the taint to be off again')
  t.pass('the node is back')
})

t.test('each namespace gets its account and the root CA, and edits of the CA are undone', async (t) => {
  const world = await ClusterWorld.start(6n)
  const ca = () => world.cluster.get(configMaps, 'default', 'kube-root-ca.crt')
  await world.until(() => ca()?.data?.['ca.crt'] === 'CA', 'the CA')
  await world.until(
    () => world.cluster.get(serviceAccounts, 'default', 'default') !== undefined,
    'the account',
  )
  world.cluster.change(configMaps, 'default', 'kube-root-ca.crt', (map) => ({
    ...map,
    data: { 'ca.crt': 'evil' },
  }))
  await world.until(() => ca()?.data?.['ca.crt'] === 'CA', 'the CA again')
  world.cluster.remove(serviceAccounts, 'default', 'default')
  await world.until(
    () => world.cluster.get(serviceAccounts, 'default', 'default') !== undefined,
    'the account again',
  )
  t.pass('both are back')
})

t.test('slices follow pods, and a Service that goes takes them along', async (t) => {
  const world = await ClusterWorld.start(7n)
  world.cluster.set(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, clusterIP: '10.96.0.9', ports: [{ port: 80, targetPort: 8080 }] },
  })
  world.createDeployment(deploymentOf('web', { replicas: 4 }))
  const ready = () =>
    world.cluster
      .all(endpointSlices)
      .flatMap((slice) => slice.endpoints)
      .filter(({ conditions }) => conditions?.ready)
  await world.until(() => ready().length === 4, 'four endpoints')
  t.equal(world.cluster.all(endpointSlices).length, 1)
  changeSpec(world, { replicas: 1 })
  await world.until(() => ready().length === 1, 'one endpoint')
  world.cluster.remove(services, 'default', 'web')
  await world.until(() => world.cluster.all(endpointSlices).length === 0, 'no slice')
})

t.test('controllers are chosen by name, and an unknown name is refused with the known ones', (t) => {
  t.equal(chooseControllers(controllers, undefined).length, controllers.length)
  t.same(
    chooseControllers(controllers, ['job-controller']).map(({ name }) => name),
    ['job-controller'],
  )
  t.equal(chooseControllers(controllers, ['*', '-job-controller']).length, controllers.length - 1)
  t.throws(
    () => chooseControllers(controllers, ['nope']),
    /unknown controller "nope"; known are: .*job-controller/,
  )
  const names = controllers.map(({ name }) => name)
  t.same(names, [...new Set(names)].sort(), 'the catalogue is sorted')
  t.end()
})

t.test('when the manager was cut off for a minute nobody is evicted after it', async (t) => {
  const world = await ClusterWorld.start(8n)
  world.createDeployment(deploymentOf('web'))
  await world.until(() => isRolledOut(world, 3, 'web:1'), 'the rollout')
  const uids = () => new Set(world.activePods().map(({ metadata }) => metadata.uid))
  const before = uids()
  for (const server of ['a1', 'a2']) {
    world.base.world.network.links.cut('c1', server)
    world.base.world.network.links.cut(server, 'c1')
  }
  await world.base.world.run(70_000)
  t.notOk(world.managers[0]?.manager.isLeading(), 'it has stopped meanwhile')
  world.base.world.network.links.healAll()
  await world.until(() => world.managers[0]?.manager.status().running === true, 'the manager to run again')
  await world.base.world.run(120_000)
  t.same(uids(), before)
  const taints = world.cluster.all(nodes).flatMap(({ spec }) => spec?.taints ?? [])
  t.same(
    taints.filter(({ effect }) => effect === 'NoExecute'),
    [],
  )
})

t.test(
  'a set that has the name already but is another one leads to another hash, not to a fight',
  async (t) => {
    const world = await ClusterWorld.start(9n)
    world.createDeployment(deploymentOf('web'))
    await world.until(() => isRolledOut(world, 3, 'web:1'), 'the rollout')
    const [first] = world.cluster.all(replicaSets)
    const name = first?.metadata.name ?? ''
    world.cluster.remove(deployments, web.namespace, web.name)
    await world.until(() => world.replicaSetCount() === 0, 'the collection')
    const foreign = { labels: { app: 'foreign' } }
    world.cluster.set(replicaSets, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name, namespace: 'default', ...foreign },
      spec: {
        replicas: 0,
        selector: { matchLabels: foreign.labels },
        template: { metadata: foreign, spec: { containers: [] } },
      },
    })
    world.createDeployment(deploymentOf('web'))
    await world.until(() => isRolledOut(world, 3, 'web:1'), 'the rollout beside the foreign set')
    t.equal(world.cluster.get(deployments, web.namespace, web.name)?.status?.collisionCount, 1)
    t.equal(world.cluster.get(replicaSets, 'default', name)?.spec?.replicas, 0)
  },
)

t.test('orphaned sets and pods are adopted by a Deployment that selects them', async (t) => {
  const world = await ClusterWorld.start(10n)
  world.createDeployment(deploymentOf('web'))
  await world.until(() => isRolledOut(world, 3, 'web:1'), 'the rollout')
  const uids = new Set(world.activePods().map(({ metadata }) => metadata.uid))
  for (const set of world.cluster.all(replicaSets)) {
    world.cluster.set(replicaSets, { ...set, metadata: { ...set.metadata, ownerReferences: [] } })
  }
  world.cluster.remove(deployments, web.namespace, web.name)
  world.createDeployment({ ...deploymentOf('web'), metadata: { name: 'web', namespace: 'default' } })
  await world.until(() => isRolledOut(world, 3, 'web:1'), 'the new Deployment')
  t.same(new Set(world.activePods().map(({ metadata }) => metadata.uid)), uids, 'the same pods go on')
  t.equal(world.replicaSetCount(), 1)
})
