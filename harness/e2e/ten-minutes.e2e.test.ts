/** The ten minutes of the README on real processes: up, deploy, kill the leader, scale, stop, start again, purge. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { E2eCluster, parsed, testTimeoutMs } from './cluster.ts'
import { answersOf, hasKubectl, runningContainers, User } from './user.ts'

const cluster = new E2eCluster('ten-minutes', 21000)
const user = new User(cluster)

t.setTimeout(testTimeoutMs)
t.teardown(async () => {
  user.close()
  await cluster.purge()
})

function urlOf(ip: string): string {
  return `http://${ip}:80/`
}

/** Every one of `count` pods runs, answers by itself and, together with the others, through the Service. */
async function expectServing(t: Test, count: number): Promise<void> {
  const pods = await cluster.waitFor(`${count} ready pods`, 60_000, async () => {
    const ready = await user.readyPodsOf('web')
    return ready.length === count && ready
  })
  t.equal(pods.length, count, `${count} pods are ready`)
  if (!cluster.hasRealPods) return
  t.equal((await runningContainers(cluster)).length, count, 'runc list shows a running container for each')
  const url = urlOf(await user.clusterIp('web'))
  const names = await cluster.waitFor('answers from every pod through the Service', 20_000, async () => {
    const answers = await answersOf(cluster, url, count * 6)
    const seen = new Set(answers.map((answer) => answer.split(' ').at(-1)))
    return seen.size === count && seen
  })
  t.same(
    [...names].sort(),
    pods.map((pod) => pod.metadata?.name ?? '').sort(),
    'each pod answers through the Service',
  )
}

void t.test('the first ten minutes', { timeout: testTimeoutMs }, async (t) => {
  const ready = await cluster.create()
  t.equal(ready.type, 'ready', `Ready after ${ready.readyMs} ms`)
  if (!cluster.hasRealPods) t.comment(`pods are simulated here: ${cluster.file.runtime.reason}`)
  if (!hasKubectl()) t.comment("kubectl is not on this machine: the project's own client stands in")
  t.same(await user.readyNodes(), ['n1'])

  await user.createDeployment('web', 'skedia.local/web:1', 3)
  await user.expose('web', 80, 8080)
  await user.rolledOut('web')
  await expectServing(t, 3)
  if (hasKubectl() && cluster.hasRealPods) {
    t.match(await user.kubectl('get', 'pods', '-o', 'wide'), /web-\S+ +1\/1 +Running +0 .* n1 /)
    t.match(await user.kubectl('logs', 'deploy/web'), /web version 1 listening on port 8080/)
  }

  const killed: {
    failoverMs: number
    apiFailoverMs: number
    lost: number
    duplicated: number
    name: string
  } = parsed(await cluster.mustSkedia('kill', 'leader', '--json'))
  t.match(
    killed,
    { lost: 0, duplicated: 0 },
    `failover ${killed.failoverMs} ms, API ${killed.apiFailoverMs} ms`,
  )
  const status = await cluster.status()
  t.match(status, { quorum: true, toleratesLosing: 0 })
  t.not(status.leader, killed.name, 'another member leads')

  await user.scale('web', 5)
  await user.rolledOut('web')
  await expectServing(t, 5)
  await cluster.mustSkedia('start', killed.name)
  t.equal((await cluster.status()).toleratesLosing, 1)
})

void t.test(
  'a second up of a running cluster is refused and changes nothing',
  { timeout: testTimeoutMs },
  async (t) => {
    const second = await cluster.skedia('up')
    t.equal(second.code, 73)
    t.match(second.stderr, /E_ALREADY_RUNNING/)
    t.equal((await cluster.status()).quorum, true)
  },
)

void t.test(
  'stopped and started again on other ports: the same cluster, the same objects, the pods running again',
  async (t) => {
    const before = await user.podsOf('web')
    await cluster.mustSkedia('down')
    t.equal((await cluster.skedia('status')).code, 69)
    if (cluster.hasRealPods)
      t.same(await runningContainers(cluster), [], 'no container runs while it is stopped')
    user.close()
    t.equal((await cluster.up('--base-port', '20800')).type, 'ready')
    await expectServing(t, 5)
    const uids = (pods: typeof before) => pods.map((pod) => pod.metadata?.uid ?? '').sort()
    t.same(uids(await user.podsOf('web')), uids(before), 'they are the same pods')
  },
)

void t.test(
  'kill -9 of everything, the supervisor too: up gives the same cluster and adopts the pods',
  async (t) => {
    const before = cluster.hasRealPods ? await runningContainers(cluster) : []
    cluster.killEverything()
    t.equal((await cluster.up()).type, 'ready')
    await expectServing(t, 5)
    if (cluster.hasRealPods)
      t.same([...(await runningContainers(cluster))].sort(), [...before].sort(), 'no container was restarted')
  },
)

void t.test('down --purge leaves nothing behind', { timeout: testTimeoutMs }, async (t) => {
  const { id } = cluster.file
  user.close()
  await cluster.mustSkedia('down', '--purge')
  t.notOk(existsSync(cluster.dir), 'no file')
  t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(cluster.dir), 'no mount')
  t.notOk(existsSync(`/sys/class/net/sk${id}br`), 'no bridge')
  t.same(
    existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.includes(id)) : [],
    [],
    'no namespace',
  )
  for (const controller of existsSync('/sys/fs/cgroup') ? ['', ...readdirSync('/sys/fs/cgroup')] : []) {
    if (existsSync(`/sys/fs/cgroup/${controller}/skedia/${id}`))
      t.fail(`a control group is left in ${controller}`)
  }
  const running = readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && commandLine(pid).includes(cluster.dir),
  )
  t.same(running, [], 'no process')
})

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // it ended meanwhile
  }
}
