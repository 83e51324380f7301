/** Three leaders are killed in a row while a client writes; every acknowledged write is read back. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { createStoreClient, prefixEnd, StoreError } from '../../store/client/index.ts'
import { E2eCluster, parsed, testTimeoutMs } from './cluster.ts'

const cluster = new E2eCluster('leader-kills', 21200)
const writesMin = 1000
const encode = (text: string) => new TextEncoder().encode(text)
const prefix = '/e2e/leader-kills/'

t.setTimeout(testTimeoutMs)
t.teardown(() => cluster.purge())

/** A client of the store's own protocol, with the admin's certificate. */
function storeClient() {
  const pki = `${cluster.dir}/pki`
  const file: { processes: readonly { kind: string; host: string; ports: { client: number } }[] } = parsed(
    readFileSync(`${cluster.dir}/cluster.json`, 'utf8'),
  )
  return createStoreClient(cluster.powers, {
    endpoints: file.processes
      .filter((one) => one.kind === 'store')
      .map(({ host, ports }) => ({ host, port: ports.client })),
    tls: {
      certificateAuthority: readFileSync(`${pki}/store-ca.crt`, 'utf8'),
      certificate: readFileSync(`${pki}/admin-store.crt`, 'utf8'),
      privateKey: readFileSync(`${pki}/admin-store.key`, 'utf8'),
    },
  })
}

void t.test(
  'no acknowledged write is lost or applied twice in three leader kills in a row',
  { timeout: testTimeoutMs },
  async (t) => {
    await cluster.create('--nodes', '0')
    const store = storeClient()
    const acknowledged = new Set<number>()
    const state = { isDone: false, next: 0 }
    const writer = async () => {
      while (!state.isDone || acknowledged.size < writesMin) {
        const sequence = state.next++
        const key = encode(`${prefix}${sequence}`)
        try {
          await store.txn(
            { compare: [], success: [{ type: 'put', key, value: encode(`${sequence}`) }], failure: [] },
            { timeoutMs: 10_000 },
          )
          acknowledged.add(sequence)
        } catch (error) {
          if (!(error instanceof StoreError)) throw error // it may or may not have happened: not acknowledged
        }
      }
    }
    const writers = Promise.all(Array.from({ length: 4 }, writer))
    const leaders: string[] = []
    for (let round = 1; round <= 3; round += 1) {
      const killed: { name: string; failoverMs: number; lost: number; duplicated: number } = parsed(
        await cluster.mustSkedia('kill', 'leader', '--json'),
      )
      t.match(
        killed,
        { lost: 0, duplicated: 0 },
        `round ${round}: ${killed.name} killed, failover ${killed.failoverMs} ms`,
      )
      leaders.push(killed.name)
      await cluster.mustSkedia('start', killed.name)
    }
    state.isDone = true
    await writers
    t.equal(leaders.length, 3)
    t.ok(acknowledged.size >= writesMin, `${acknowledged.size} writes were acknowledged`)
    const { kvs } = await store.range(
      { key: encode(prefix), rangeEnd: prefixEnd(encode(prefix)) },
      { timeoutMs: 20_000 },
    )
    const stored = new Map(
      kvs.map((kv) => [Number(new TextDecoder().decode(kv.key).slice(prefix.length)), kv]),
    )
    t.same(
      [...acknowledged].filter((sequence) => !stored.has(sequence)),
      [],
      'every acknowledged write is there',
    )
    t.same(kvs.filter((kv) => kv.version !== 1).length, 0, 'none was applied twice')
    t.same(
      kvs.filter(
        (kv) => new TextDecoder().decode(kv.key) !== `${prefix}${new TextDecoder().decode(kv.value)}`,
      ),
      [],
      'each has its value',
    )
    await store.close()
    t.equal((await cluster.status()).toleratesLosing, 1)
  },
)
