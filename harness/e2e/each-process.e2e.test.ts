/** Each kind of process is killed once while a rollout is under way; the rollout completes every time. */
import t from 'tap'
import { E2eCluster, testTimeoutMs } from './cluster.ts'
import { User } from './user.ts'

const cluster = new E2eCluster('each-process', 21400)
const user = new User(cluster)

t.setTimeout(testTimeoutMs)
t.teardown(async () => {
  user.close()
  await cluster.purge()
})

/** The replica that leads, or the first one. */
async function leadingOf(letter: string): Promise<string> {
  const { processes } = await cluster.status()
  const row =
    processes.find((one) => one.name.startsWith(letter) && one.leading) ??
    processes.find((one) => one.name.startsWith(letter))
  if (row === undefined) throw new Error(`no process ${letter}`)
  return row.name
}

void t.test('a rollout survives the death of any one process', { timeout: testTimeoutMs }, async (t) => {
  await cluster.create()
  await user.createDeployment('web', 'skedia.local/web:1', 2)
  await user.rolledOut('web')
  let version = 1
  for (const letter of ['a', 'f', 'c', 's', 'n', 'p']) {
    const target = await leadingOf(letter)
    version = version === 1 ? 2 : 1
    const image = `skedia.local/web:${version}`
    await user.setImage('web', image)
    await cluster.mustSkedia('kill', target, '--no-measure')
    // A kubelet, proxy or front has no stand-in: its work goes on when it is back.
    const hasStandIn = 'acs'.includes(letter)
    if (!hasStandIn) await cluster.mustSkedia('start', target)
    await user.rolledOut('web', 90_000)
    const images = (await user.readyPodsOf('web')).map((pod) => pod.spec?.containers?.[0]?.image)
    t.same(images, [image, image], `${target} killed: the rollout to version ${version} completed`)
    if (hasStandIn) await cluster.mustSkedia('start', target)
  }
})
