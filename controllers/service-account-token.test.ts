import t from 'tap'
import type { Secret, ServiceAccount } from '../api/types.ts'
import { SimWorld, simTokenKey } from '../platform/sim/index.ts'
import { planTokenSecret, signToken, tokenSecretType } from './service-account-token.ts'

const account: ServiceAccount = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'robot', namespace: 'default', uid: 'uid-robot' },
}
const secret: Secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    name: 'tok',
    namespace: 'default',
    annotations: { 'kubernetes.io/service-account.name': 'robot' },
  },
  type: tokenSecretType,
}
const plan = (options: { secret?: Secret; account?: ServiceAccount | undefined }) =>
  planTokenSecret({ secret, account, rootCa: 'CA', sign: (claims) => `signed ${claims.sub}`, ...options })

t.test('a token Secret is filled once and goes with its account', (t) => {
  const filled = plan({})
  if (filled.type !== 'update') throw new Error('expected an update')
  t.equal(atob(filled.secret.data?.token ?? ''), 'signed system:serviceaccount:default:robot')
  t.equal(atob(filled.secret.data?.['ca.crt'] ?? ''), 'CA')
  t.equal(filled.secret.metadata.annotations?.['kubernetes.io/service-account.uid'], 'uid-robot')
  t.equal(plan({ secret: filled.secret }).type, 'none')
  t.equal(plan({ secret: filled.secret, account: undefined }).type, 'delete')
  const another = { ...account, metadata: { ...account.metadata, uid: 'uid-other' } }
  t.equal(plan({ secret: filled.secret, account: another }).type, 'delete')
  t.equal(plan({ secret: { ...secret, type: 'Opaque' }, account: undefined }).type, 'none')
  t.end()
})

t.test('a token is three parts that the public key verifies', (t) => {
  const { crypto } = new SimWorld(1n).startProcess({
    name: 'p',
    machine: new SimWorld(1n).machine('p'),
  }).powers
  const key = simTokenKey('tokens')
  const [header = '', claims = '', signature = ''] = signToken(crypto, key.privateKey, { sub: 'x' }).split(
    '.',
  )
  const bytes = (text: string) =>
    Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0))
  t.match(JSON.parse(new TextDecoder().decode(bytes(header))), { alg: 'RS256' })
  t.match(JSON.parse(new TextDecoder().decode(bytes(claims))), { sub: 'x' })
  const input = new TextEncoder().encode(`${header}.${claims}`)
  t.ok(crypto.verifyRs256(key.publicKey, input, bytes(signature)))
  t.end()
})
