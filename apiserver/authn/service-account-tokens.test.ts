import t from 'tap'
import type { KubeObject } from '../../api/kind.ts'
import { simTokenKey, SimWorld } from '../../platform/sim/index.ts'
import { asObject } from '../storage/parse.ts'
import { keyIdOf, signJwt, verifyJwt } from './jwt.ts'
import { ServiceAccountTokens } from './service-account-tokens.ts'

const issuer = 'https://issuer'

function setUp() {
  const world = new SimWorld(1n)
  const { powers } = world.startProcess({ name: 'a1', machine: world.machine('a1') })
  const key = simTokenKey('one')
  const objects = new Map<string, KubeObject>()
  const add = (kind: string, name: string, uid: string, more: object = {}) =>
    objects.set(`${kind} ${name}`, asObject({ kind, metadata: { name, uid }, ...more }))
  const tokens = new ServiceAccountTokens(
    powers,
    { privateKey: key.privateKey, publicKeys: [key.publicKey], issuer, audiences: [issuer, 'api'] },
    { get: (kind, _namespace, name) => Promise.resolve(objects.get(`${kind} ${name}`)) },
  )
  add('ServiceAccount', 'robot', 'sa-1')
  const spec = {
    namespace: 'ci',
    name: 'robot',
    uid: 'sa-1',
    audiences: [],
    expirationSeconds: 600,
    bound: undefined,
    node: undefined,
  }
  return { world, powers, key, objects, add, tokens, spec }
}

void t.test('a token is its account until it expires', async (t) => {
  const { world, tokens, spec } = setUp()
  const { token } = tokens.issue(spec)
  const user = await tokens.authenticate(token, [])
  t.match(user, {
    name: 'system:serviceaccount:ci:robot',
    uid: 'sa-1',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:ci'],
  })
  await world.run(620_000)
  t.equal(await tokens.authenticate(token, []), undefined)
})

void t.test('a token of another key, issuer or audience, or changed by a letter, is nobody', async (t) => {
  const { powers, key, tokens, spec } = setUp()
  const { token } = tokens.issue(spec)
  const [head = '', body = '', signature = ''] = token.split('.')
  const flipped = `${head}.${body.slice(0, -2)}${body.endsWith('A') ? 'BB' : 'AA'}.${signature}`
  for (const text of ['', 'a.b.c', 'a.b', flipped, `${token}.x`])
    t.equal(await tokens.authenticate(text, []), undefined)
  const other = simTokenKey('another')
  const forged = signJwt(powers.crypto, { privateKey: other.privateKey, keyId: 'x' }, { iss: issuer })
  t.equal(await tokens.authenticate(forged, []), undefined)
  const signer = { privateKey: key.privateKey, keyId: tokens.keyId() }
  const claims = verifyJwt(powers.crypto, [key.publicKey], token) ?? {}
  t.ok(await tokens.authenticate(signJwt(powers.crypto, signer, claims), []))
  t.equal(
    await tokens.authenticate(signJwt(powers.crypto, signer, { ...claims, iss: 'other' }), []),
    undefined,
  )
  t.equal(
    await tokens.authenticate(signJwt(powers.crypto, signer, { ...claims, aud: ['other'] }), []),
    undefined,
  )
  t.equal(await tokens.authenticate(token, ['elsewhere']), undefined)
  t.ok(await tokens.authenticate(tokens.issue({ ...spec, audiences: ['elsewhere'] }).token, ['elsewhere']))
  t.equal(tokens.keyId(), keyIdOf(powers.crypto, powers.crypto.publicKeyOf(key.privateKey)))
})

void t.test('a bound token ends with what it is bound to, and an account made anew is another', async (t) => {
  const { world, tokens, spec, add, objects } = setUp()
  add('Pod', 'p', 'pod-1')
  const bound = { kind: 'Pod', name: 'p', uid: 'pod-1' } as const
  const { token } = tokens.issue({ ...spec, bound, node: { name: 'n1', uid: 'n' } })
  const user = await tokens.authenticate(token, [])
  t.same(user?.extra['authentication.kubernetes.io/node-name'], ['n1'])
  add('Pod', 'p', 'pod-2')
  t.ok(await tokens.authenticate(token, []), 'the verdict is remembered for a moment')
  await world.run(11_000)
  t.equal(await tokens.authenticate(token, []), undefined)
  const plain = tokens.issue(spec).token
  t.ok(await tokens.authenticate(plain, []))
  objects.delete('ServiceAccount robot')
  add('ServiceAccount', 'robot', 'sa-2')
  await world.run(11_000)
  t.equal(await tokens.authenticate(plain, []), undefined)
})

void t.test('a token from a Secret lives as long as the Secret holds it', async (t) => {
  const { world, powers, key, tokens, add } = setUp()
  const prefix = 'kubernetes.io/serviceaccount/'
  const token = signJwt(
    powers.crypto,
    { privateKey: key.privateKey, keyId: tokens.keyId() },
    {
      iss: 'kubernetes/serviceaccount',
      [`${prefix}namespace`]: 'ci',
      [`${prefix}secret.name`]: 's',
      [`${prefix}service-account.name`]: 'robot',
      [`${prefix}service-account.uid`]: 'sa-1',
      sub: 'system:serviceaccount:ci:robot',
    },
  )
  t.equal(await tokens.authenticate(token, []), undefined)
  add('Secret', 's', 'secret-1', { data: { token: Buffer.from(token).toString('base64') } })
  await world.run(11_000)
  t.equal((await tokens.authenticate(token, []))?.name, 'system:serviceaccount:ci:robot')
  add('Secret', 's', 'secret-1', { data: { token: '' } })
  await world.run(11_000)
  t.equal(await tokens.authenticate(token, []), undefined)
})
