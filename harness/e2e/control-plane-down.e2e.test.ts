/** The control plane is down for a minute: pods go on serving, and the kubelet restarts a container that crashes. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { sleep } from '../../platform/clock.ts'
import { E2eCluster, testTimeoutMs } from './cluster.ts'
import { askFromNode, runningContainers, User } from './user.ts'

const cluster = new E2eCluster('plane-down', 21600)
const user = new User(cluster)
const outageMs = 60_000

t.setTimeout(testTimeoutMs)
t.teardown(async () => {
  user.close()
  await cluster.purge()
})

void t.test('a minute without a control plane', { timeout: testTimeoutMs }, async (t) => {
  await cluster.create('--apiservers', '1', '--members', '1')
  await user.createDeployment('web', 'skedia.local/web:1', 2)
  await user.expose('web', 80, 8080)
  await user.rolledOut('web')
  const ready = await user.readyPodsOf('web')
  const url = `http://${await user.clusterIp('web')}:80/`
  if (cluster.hasRealPods)
    await cluster.waitFor('the Service answers', 20_000, () => askFromNode(cluster, url))

  for (const name of ['m1', 'a1', 'c1', 'c2', 's1', 's2', 'f1'])
    await cluster.mustSkedia('kill', name, '--no-measure')
  const { clock } = cluster.powers
  const upAgainMs = clock.monotonicMs() + outageMs
  if (cluster.hasRealPods) {
    const [victim] = await crashOneContainer()
    await cluster.waitFor('the kubelet restarts the container without a control plane', 40_000, async () => {
      const now = await runningContainers(cluster)
      return now.length === 2 && !now.includes(victim ?? '')
    })
    t.pass('the kubelet restarted the container that crashed')
    let answers = 0
    while (clock.monotonicMs() < upAgainMs) {
      t.match(await askFromNode(cluster, url), /^web version 1 on pod web-/)
      answers += 1
      await sleep(clock, 2_000) // the outage has to last its minute; this is its rhythm, not a guess
    }
    t.ok(answers > 5, `${answers} requests were answered meanwhile`)
  }

  for (const name of ['m1', 'a1', 'c1', 'c2', 's1', 's2', 'f1']) await cluster.mustSkedia('start', name)
  await cluster.waitFor('both pods ready again, the same ones', 60_000, async () => {
    const now = await user.readyPodsOf('web')
    const uids = (pods: typeof ready) => JSON.stringify(pods.map((pod) => pod.metadata?.uid ?? '').sort())
    return uids(now) === uids(ready)
  })
  if (cluster.hasRealPods) {
    await cluster.waitFor('the restart is counted', 30_000, async () => {
      const counts = (await user.podsOf('web')).map(
        (pod) => pod.status?.containerStatuses?.[0]?.restartCount ?? 0,
      )
      return counts.reduce((sum, count) => sum + count, 0) === 1
    })
    t.pass('the API shows one restart')
  }
  t.same(await user.readyNodes(), ['n1'])
})

/** Kills the first process of one container from outside, as a crash would; gives the container's id. */
async function crashOneContainer(): Promise<readonly string[]> {
  const [id] = await runningContainers(cluster)
  if (id === undefined) throw new Error('no container runs')
  const state = (await cluster.run('runc', ['state', id])).stdout
  const pid = Number(/"pid": (\d+)/.exec(state)?.[1])
  if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('web'))
    throw new Error(`process ${pid} is not the container's`)
  cluster.powers.processes.kill(pid, 'SIGKILL')
  return [id]
}
