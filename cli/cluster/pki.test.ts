import t from 'tap'
import { FakeFiles } from '../testing/fakes.ts'
import { planCertificates } from './certificate-plan.ts'
import { planCluster } from './cluster-plan.ts'
import { type CertificateMaker, ensurePki } from './pki.ts'

const dayMs = 86_400_000

function cluster(nodes: number) {
  return planCluster({
    name: 'skedia',
    id: 'abc123',
    token: 't',
    createdAt: '',
    skediaVersion: '',
    shape: { members: 3, apiservers: 2, nodes, fakeNodes: 0 },
    basePort: 6443,
    runtime: { kind: 'fake' },
    networkIndex: undefined,
  })
}

/** Counts what it makes; a certificate's text is its order number. */
class CountingMaker implements CertificateMaker {
  authorities = 0
  leaves = 0
  tokenKeys = 0
  createAuthority = async ({ commonName }: { commonName: string }) => {
    this.authorities += 1
    return { certificate: `authority ${commonName}`, privateKey: 'key' }
  }
  issueCertificate: CertificateMaker['issueCertificate'] = async (_, { commonName }) => {
    this.leaves += 1
    return { certificate: `${commonName} ${this.leaves}`, privateKey: 'key' }
  }
  createTokenKey = () => {
    this.tokenKeys += 1
    return { privateKey: 'private', publicKey: 'public' }
  }
}

function setUp() {
  const files = new FakeFiles()
  const maker = new CountingMaker()
  const ensure = (nodes: number, nowMs: number) =>
    ensurePki({ files, dir: '/c', cluster: cluster(nodes), nowMs, loadMaker: () => Promise.resolve(maker) })
  return { files, maker, ensure }
}

void t.test('everything is made once and then kept', async (t) => {
  const { files, maker, ensure } = setUp()
  const count = planCertificates(cluster(1)).length
  t.same(await ensure(1, 0), { issued: count, kept: 0 })
  t.same(await ensure(1, 300 * dayMs), { issued: 0, kept: count })
  t.match(maker, { authorities: 3, leaves: count, tokenKeys: 1 })
  t.equal(files.modes.get('/c/pki/ca.key'), 0o600, 'keys are for their owner only')
})

void t.test('a leaf that soon runs out is issued again, its authority is not', async (t) => {
  const { maker, ensure } = setUp()
  const { issued } = await ensure(1, 0)
  t.same(await ensure(1, 340 * dayMs), { issued, kept: 0 })
  t.match(maker, { authorities: 3, tokenKeys: 1 })
})

void t.test('another node brings its own certificates and leaves the others alone', async (t) => {
  const { ensure } = setUp()
  const before = await ensure(1, 0)
  t.same(await ensure(2, 0), { issued: 3, kept: before.issued })
})

void t.test('a key that was lost is made again together with its certificate', async (t) => {
  const { files, ensure } = setUp()
  await ensure(1, 0)
  files.remove('/c/pki/scheduler.key')
  t.equal((await ensure(1, 0)).issued, 1)
})
