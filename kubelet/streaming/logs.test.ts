import t from 'tap'
import { SimWorld } from '../../platform/sim/index.ts'
import { FakeRuntime } from '../runtime/fake/fake-runtime.ts'
import { formatRecord, type LogOptions, LogSource, splitRecords, tailPosition } from './logs.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const record = (text: string, tag = 'F', second = 0) =>
  `2026-01-01T00:00:0${second}.000000000Z stdout ${tag} ${text}`
const shown = { hasTimestamps: false, sinceMs: undefined, isStart: true }

t.test('only whole records are taken', async (t) => {
  t.same(splitRecords(bytes('a\nb\nc')), { records: ['a', 'b'], lengthBytes: 4 })
  t.same(splitRecords(bytes('abc')), { records: [], lengthBytes: 0 })
})

t.test('a part of a line gets no end, and one time for the whole line', async (t) => {
  t.equal(formatRecord(record('hello world'), shown), 'hello world\n')
  t.equal(formatRecord(record('hel', 'P'), shown), 'hel')
  t.equal(formatRecord(record(''), shown), '\n')
  t.equal(formatRecord(record('x'), { ...shown, hasTimestamps: true }), '2026-01-01T00:00:00.000000000Z x\n')
  t.equal(formatRecord(record('x'), { ...shown, hasTimestamps: true, isStart: false }), 'x\n')
})

t.test('what is older than asked for is left out', async (t) => {
  const sinceMs = Date.parse('2026-01-01T00:00:03Z')
  t.equal(formatRecord(record('x', 'F', 2), { ...shown, sinceMs }), undefined)
  t.equal(formatRecord(record('x', 'F', 3), { ...shown, sinceMs }), 'x\n')
})

t.test('the tail begins at the right line', async (t) => {
  const all = bytes('1\n2\n3\n4\n')
  const read = (position: number, length: number) => all.slice(position, position + length)
  t.equal(tailPosition(read, 2), 4)
  t.equal(tailPosition(read, 0), 8)
  t.equal(tailPosition(read, 4), 0)
  t.equal(tailPosition(read, 99), 0)
})

/** A container in memory that says `one` and ends after 5 s. */
async function containerSaying(t: SimWorld) {
  const { powers } = t.startProcess({ name: 'n1', machine: t.machine('n1') })
  const runtime = new FakeRuntime({ clock: powers.clock, createMs: 0, terminateMs: 0 })
  const owner = {
    podUid: 'u',
    podNamespace: 'd',
    podName: 'p',
    containerName: 'c',
    kind: 'main',
    attempt: 0,
    sandboxId: 's',
    specHash: '',
    image: '',
    imageId: '',
  } as const
  const none = {
    isPrivileged: false,
    addedCapabilities: [],
    droppedCapabilities: [],
    allowsPrivilegeEscalation: true,
    hasReadOnlyRoot: false,
    isProcUnmasked: false,
    seccomp: 'unconfined',
    sysctls: {},
  } as const
  const creating = runtime.create({
    id: 'c',
    owner,
    layers: [],
    arguments: ['sh', '-c', 'echo one; sleep 5'],
    environment: [],
    workingDirectory: '/',
    user: '',
    supplementalGroups: [],
    mustRunAsNonRoot: false,
    hostname: 'p',
    namespaces: { usesHostIpc: false, usesHostPid: false },
    mounts: [],
    resources: { cpuShares: 2, cpuPeriodUs: 1, oomScoreAdj: 0 },
    security: none,
    cgroupParent: '',
    hasStdin: false,
    hasTty: false,
    terminationMessagePath: '',
    fallsBackToLogs: false,
  })
  await t.run(10)
  await creating
  await runtime.start('c')
  return runtime
}

const plain: LogOptions = {
  isFollowed: false,
  hasTimestamps: false,
  tailLines: undefined,
  limitBytes: undefined,
  sinceMs: undefined,
}

async function all(source: LogSource): Promise<string> {
  let text = ''
  for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read())
    text += new TextDecoder().decode(chunk)
  return text
}

t.test('without following it ends at the present end, and a limit cuts it', async (t) => {
  const runtime = await containerSaying(new SimWorld(1n))
  t.match(await all(new LogSource(runtime, 'c', plain)), /\none\n$/)
  t.equal(await all(new LogSource(runtime, 'c', { ...plain, tailLines: 1 })), 'one\n')
  t.equal(await all(new LogSource(runtime, 'c', { ...plain, tailLines: 1, limitBytes: 2 })), 'on')
})

t.test('followed it ends when the container has ended', async (t) => {
  const world = new SimWorld(1n)
  const runtime = await containerSaying(world)
  let text: string | undefined
  const reading = all(new LogSource(runtime, 'c', { ...plain, isFollowed: true, tailLines: 1 })).then(
    (found) => {
      text = found
    },
  )
  await world.run(4000)
  t.equal(text, undefined)
  await world.run(2000)
  await reading
  t.equal(text, 'one\n')
})
