/** What a machine and its people get wrong: each time a clear error, a documented exit code, and nothing lost. */
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { type ApiClient, createApiClient } from '../../client/index.ts'
import { issueCertificate } from '../../platform/node/certificates.ts'
import { type CommandResult, E2eCluster, parsed, testTimeoutMs } from './cluster.ts'
import { User } from './user.ts'

const cluster = new E2eCluster('bad-input', 21800)
const user = new User(cluster)
const configMaps = '/api/v1/namespaces/default/configmaps'
const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'bad-input' } }

t.setTimeout(testTimeoutMs)
t.teardown(async () => {
  user.close()
  await cluster.purge()
})

/** The Status that the API answers with. */
async function statusOf(client: ApiClient, request: Parameters<ApiClient['raw']>[0]) {
  const { body } = await client.raw({ contentType: 'application/json', ...request })
  const chunks: Uint8Array[] = []
  for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) chunks.push(chunk)
  const status: { code: number; reason: string; message: string } = parsed(
    Buffer.concat(chunks).toString('utf8'),
  )
  return status
}

/** The error has four parts and the code's own exit code. */
function expectError(
  t: Test,
  result: CommandResult,
  expected: { code: string; exit: number; found: RegExp },
): void {
  t.equal(result.code, expected.exit, `${expected.code} exits with ${expected.exit}`)
  t.match(
    result.stderr,
    new RegExp(`✗ [^]*\n {2}fix {4}\\S[^]*\n {2}code {3}${expected.code} {4}docs/errors.md#`),
  )
  t.match(result.stderr, expected.found)
}

void t.test('what the command does not know is named, with exit code 64', async (t) => {
  for (const verb of ['up', 'status', 'kill', 'start', 'down', 'logs', 'ls', 'image', 'store', 'kubelet']) {
    const result = await cluster.run(process.execPath, ['bin/skedia.js', verb, '--wat'])
    expectError(t, result, { code: 'E_USAGE', exit: 64, found: /unknown option '--wat'/ })
  }
  const absent = { code: 'E_NO_CLUSTER', exit: 1, found: /there is no cluster e2e-bad-input/ }
  expectError(t, await cluster.skedia('down'), absent)
  expectError(t, await cluster.skedia('image', 'load', 'nothing.tar'), absent)
})

void t.test('a directory that is somebody else’s, or no directory, is refused', async (t) => {
  const foreign = `${cluster.stateHome}/foreign`
  mkdirSync(foreign, { recursive: true })
  writeFileSync(`${foreign}/thesis.tex`, 'years of work')
  expectError(t, await cluster.run(process.execPath, ['bin/skedia.js', 'up', '--dir', foreign]), {
    code: 'E_DIR_FOREIGN',
    exit: 73,
    found: /thesis\.tex/,
  })
  t.same(readdirSync(foreign), ['thesis.tex'], 'nothing was changed')
  expectError(
    t,
    await cluster.run(process.execPath, ['bin/skedia.js', 'up', '--dir', `${foreign}/thesis.tex/x`]),
    {
      code: 'E_DIR_UNWRITABLE',
      exit: 73,
      found: /ENOTDIR/,
    },
  )
})

void t.test('a busy port of a range that was asked for is named together with its holder', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(21811, '127.0.0.1', () => resolve()))
  const result = await cluster.skedia('up', '--base-port', '21800', '--runtime', 'fake')
  server.close()
  expectError(t, result, { code: 'E_PORT_IN_USE', exit: 73, found: /m1 cannot listen on 127\.0\.0\.1:21811/ })
})

void t.test(
  'a member whose log is corrupt refuses to start; the two others go on without it',
  { timeout: testTimeoutMs },
  async (t) => {
    t.equal((await cluster.create('--runtime', 'fake', '--nodes', '0')).type, 'ready')
    await cluster.mustSkedia('down')
    cpSync(`${cluster.dir}/data/m2`, `${cluster.dir}/intact`, { recursive: true })
    const wal = `${cluster.dir}/data/m2/wal`
    const [segment] = readdirSync(wal).filter((name) => name.endsWith('.wal'))
    if (segment === undefined) throw new Error(`no segment in ${wal}`)
    const bytes = readFileSync(`${wal}/${segment}`)
    bytes.fill(0xff, 2000, 2016)
    writeFileSync(`${wal}/${segment}`, bytes)

    const up = await cluster.skedia('up', '--detach', '--json')
    t.equal(up.code, 1, 'up says that something is missing')
    const last: { type: string; missing: readonly string[]; reasons: Record<string, string> } = parsed(
      up.stdout.trim().split('\n').at(-1) ?? '',
    )
    t.match(last, { type: 'degraded', missing: ['m2'], reasons: { m2: /damaged/ } })
    t.same(readFileSync(`${wal}/${segment}`).equals(bytes), true, 'nothing was cut off')
    const status = await cluster.status()
    t.match(status, { quorum: true, toleratesLosing: 0 })
  },
)

void t.test('a second up, an unknown process and a broken image archive are refused', async (t) => {
  expectError(t, await cluster.skedia('up'), { code: 'E_ALREADY_RUNNING', exit: 73, found: /runs already/ })
  expectError(t, await cluster.skedia('kill', 'm9'), {
    code: 'E_NO_PROCESS',
    exit: 64,
    found: /it has m1 m2/,
  })
  const archive = `${cluster.dir}/run/broken.tar`
  writeFileSync(archive, 'no archive at all')
  expectError(t, await cluster.skedia('image', 'load', archive), {
    code: 'E_IMAGE',
    exit: 1,
    found: /not a tar archive/,
  })
})

void t.test('what the API cannot accept gets the status and reason that Kubernetes gives', async (t) => {
  const { client } = user
  const create = (body: unknown, contentType = 'application/json') =>
    statusOf(client, { method: 'POST', path: `${configMaps}?fieldValidation=Strict`, body, contentType })
  t.match(await create({ ...configMap, wat: 1 }), {
    code: 400,
    reason: 'BadRequest',
    message: /strict decoding error: unknown field "wat"/,
  })
  t.match(await create({ ...configMap, data: { a: 1 } }), { code: 400, message: /cannot unmarshal number/ })
  t.match(await create('{"kind":'), { code: 400, reason: 'BadRequest', message: /json parse error/ })
  t.match(await create('a: [b', 'application/yaml'), { code: 400, message: /error converting YAML to JSON/ })
  t.match(await create('k8s', 'application/vnd.kubernetes.protobuf'), { code: 400, message: /protobuf/ })
  t.match(await create('{}', 'text/plain'), { code: 415, reason: 'UnsupportedMediaType' })
  t.match(await create({ ...configMap, data: { a: 'x'.repeat(4 * 1024 * 1024) } }), {
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: /limit is 3145728/,
  })
  await client.raw({ method: 'POST', path: configMaps, body: configMap })
  const stale = { ...configMap, metadata: { name: 'bad-input', resourceVersion: '1' } }
  t.match(await statusOf(client, { method: 'PUT', path: `${configMaps}/bad-input`, body: stale }), {
    code: 409,
    reason: 'Conflict',
    message: /the object has been modified; please apply your changes to the latest version/,
  })
})

void t.test('an expired client certificate is unauthorized, and the reason is named', async (t) => {
  const read = (name: string) => readFileSync(`${cluster.dir}/pki/${name}`, 'utf8')
  const authority = { certificate: read('ca.crt'), privateKey: read('ca.key') }
  const expired = await issueCertificate(authority, {
    commonName: 'late',
    organizations: ['system:masters'],
    usages: ['client'],
    days: -0.5,
  })
  const client = createApiClient(cluster.powers, {
    servers: [cluster.endpoint],
    tls: { certificateAuthority: authority.certificate, ...expired },
    userAgent: 'skedia-e2e',
  })
  t.match(await statusOf(client, { method: 'GET', path: configMaps }), {
    code: 401,
    reason: 'Unauthorized',
    message: /CERT_HAS_EXPIRED/,
  })
  client.close()
})

void t.test(
  'without a quorum a write fails with words, and status exits with 69',
  { timeout: testTimeoutMs },
  async (t) => {
    const { leader } = await cluster.status()
    await cluster.mustSkedia('kill', leader ?? 'm1')
    t.equal((await cluster.skedia('status')).code, 69)
    const write = {
      method: 'POST',
      path: configMaps,
      body: { ...configMap, metadata: { name: 'unwritten' } },
    }
    t.match(
      await statusOf(user.client, { ...write, timeoutMs: 20_000 }),
      { code: 503, reason: 'ServiceUnavailable', message: /no quorum, nothing was written, try again/ },
      'kubectl’s address still answers, and says what is wrong',
    )
    expectError(t, await cluster.skedia('kill', 'leader'), {
      code: 'E_NO_LEADER',
      exit: 69,
      found: /no member leads/,
    })
    await cluster.mustSkedia('start', leader ?? 'm1')
    await cluster.waitFor('the quorum to be back', 20_000, async () => (await cluster.status()).quorum)
    t.pass('one more member was enough')
  },
)

void t.test(
  'a directory of another member and a corrupt LevelDB are refused; the intact one is welcome again',
  { timeout: testTimeoutMs },
  async (t) => {
    swapDirectoryOfM2((directory) => cpSync(`${cluster.dir}/data/m3/identity`, `${directory}/identity`))
    await refusal(/it belongs to member m3, not to m2/)
    swapDirectoryOfM2((directory) => {
      const database = `${directory}/db-1`
      for (const name of readdirSync(database).filter((one) => one.startsWith('MANIFEST'))) {
        const bytes = readFileSync(`${database}/${name}`)
        bytes.fill(0xff, 10, 20)
        writeFileSync(`${database}/${name}`, bytes)
      }
    })
    await refusal(/LevelDB found it harmed .* This member stops rather than serve wrong data/)
    swapDirectoryOfM2(() => {})
    await cluster.waitFor(
      'm2 to follow again',
      30_000,
      async () => (await cluster.status()).toleratesLosing === 1,
    )
    const { code } = await statusOf(user.client, { method: 'GET', path: `${configMaps}/unwritten` })
    t.equal(code, 404, 'what was refused was not written')
    const kept = await user.client.raw({ method: 'GET', path: `${configMaps}/bad-input` })
    t.equal(kept.status, 200, 'what was acknowledged is there')
    kept.body.cancel()
    await cluster.mustSkedia('down')
    expectError(t, await cluster.skedia('status'), { code: 'E_NOT_RUNNING', exit: 69, found: /does not run/ })
  },
)

/** Puts an altered copy of m2's intact directory in its place at once; m2 itself tries again and again meanwhile. */
function swapDirectoryOfM2(alter: (directory: string) => void): void {
  const data = `${cluster.dir}/data`
  cpSync(`${cluster.dir}/intact`, `${cluster.dir}/next`, { recursive: true })
  alter(`${cluster.dir}/next`)
  renameSync(`${data}/m2`, `${cluster.dir}/before`)
  renameSync(`${cluster.dir}/next`, `${data}/m2`)
  rmSync(`${cluster.dir}/before`, { recursive: true })
}

/** m2 says why it does not start, from now on. */
async function refusal(reason: RegExp): Promise<void> {
  const log = () => readFileSync(`${cluster.dir}/logs/m2.log`, 'utf8')
  const seen = log().length
  await cluster.waitFor(`m2 to refuse: ${reason}`, 30_000, async () => {
    const said = log().slice(seen)
    return said.includes('E_DATA') && reason.test(said)
  })
}
