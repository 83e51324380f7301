import t from 'tap'
import { defined } from '../../platform/assert.ts'
import { SimWorld } from '../../platform/sim/index.ts'
import { clusterIdOf, lockDirectory, memberIdOf, openIdentity } from './identity.ts'

function powers() {
  const world = new SimWorld(1n)
  return world.startProcess({ name: 'm1', machine: world.machine('m1') }).powers
}

const options = { directory: '/data', name: 'm1', clusterToken: 'token' }

void t.test('an empty directory becomes the member’s, and stays it', (t) => {
  const { disk, crypto } = powers()
  lockDirectory(disk, '/data').release()
  const identity = openIdentity({ disk, crypto }, options)
  t.same(openIdentity({ disk, crypto }, options), identity)
  t.match(identity.memberId, /^[0-9a-f]{16}$/)
  t.equal(identity.memberId, memberIdOf(crypto, options))
  t.equal(identity.clusterId, clusterIdOf(crypto, 'token'))
  t.end()
})

void t.test('a directory of another member, another cluster, or of no member at all is refused', (t) => {
  const { disk, crypto } = powers()
  lockDirectory(disk, '/data').release()
  openIdentity({ disk, crypto }, options)
  t.throws(() => openIdentity({ disk, crypto }, { ...options, name: 'm2' }), {
    code: 'foreign',
    message: /belongs to member m1, not to m2/,
  })
  t.throws(() => openIdentity({ disk, crypto }, { ...options, clusterToken: 'other' }), {
    code: 'foreign',
    message: /--initial-cluster-token/,
  })
  disk.makeDirectory('/home')
  disk.replaceFile('/home/photo', Uint8Array.of(1))
  t.throws(() => openIdentity({ disk, crypto }, { ...options, directory: '/home' }), {
    code: 'foreign',
    message: /holds photo/,
  })
  t.end()
})

void t.test('an identity file that cannot be understood is refused, not replaced', (t) => {
  const { disk, crypto } = powers()
  lockDirectory(disk, '/data').release()
  for (const text of ['', 'null', '{}', '{"format":2}', '{"format":1,"name":"m1"}']) {
    disk.replaceFile('/data/identity', new TextEncoder().encode(text))
    t.throws(() => openIdentity({ disk, crypto }, options), { code: 'harmed' })
  }
  t.end()
})

void t.test('a second member with the same directory is refused while the first lives', (t) => {
  const world = new SimWorld(1n)
  const [first, second] = ['first', 'second'].map((name) =>
    defined(world.startProcess({ name, machine: world.machine('m1') }), name),
  )
  const lock = lockDirectory(defined(first, 'first').powers.disk, '/data')
  const lockAgain = () => lockDirectory(defined(second, 'second').powers.disk, '/data')
  t.throws(lockAgain, { code: 'locked', message: /another member is using it/ })
  lock.release()
  t.doesNotThrow(() => lockAgain().release())
  t.end()
})
