/** What a machine and its people get wrong: each time a clear error, a documented exit code, and nothing lost. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { type CommandResult, E2eCluster, parsed, testTimeoutMs } from './cluster.ts'

const cluster = new E2eCluster('bad-input', 21800)

t.setTimeout(testTimeoutMs)
t.teardown(() => cluster.purge())

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

void t.test(
  'without a quorum a write fails with words, and status exits with 69',
  { timeout: testTimeoutMs },
  async (t) => {
    const { leader } = await cluster.status()
    await cluster.mustSkedia('kill', leader ?? 'm1')
    t.equal((await cluster.skedia('status')).code, 69)
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
