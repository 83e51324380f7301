import t from 'tap'
import { networkConformance } from '../../network.conformance.ts'
import { createAuthority, issueCertificate } from '../certificates.ts'
import { createNodeNetwork } from './index.ts'

async function identityOf(commonName: string) {
  const authority = await createAuthority({ commonName: `${commonName} CA` })
  const leaf = await issueCertificate(authority, {
    commonName,
    organizations: ['people'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server', 'client'],
  })
  return { authority, identity: { certificateAuthority: authority.certificate, ...leaf } }
}

const known = await identityOf('someone')
const unknown = await identityOf('stranger')

networkConformance('the real network', () => {
  const network = createNodeNetwork((error) => t.fail(String(error)))
  return Promise.resolve({
    server: network,
    client: network,
    host: '127.0.0.1',
    identity: known.identity,
    stranger: unknown.identity,
    settle: (promise) => promise,
  })
})

t.test('an expired client certificate is named as the reason why the client is nobody', async (t) => {
  const network = createNodeNetwork((error) => t.fail(String(error)))
  const listener = await network.listenHttp({
    address: { host: '127.0.0.1', port: 0 },
    tls: known.identity,
    handler: {
      request: (request) =>
        Promise.resolve({ status: 200, headers: {}, body: `${String(request.peer)} ${request.peerError}` }),
    },
  })
  const expired = await issueCertificate(known.authority, {
    commonName: 'late',
    usages: ['client'],
    days: -0.5,
  })
  const client = network.httpClient({ tls: { ...known.identity, ...expired }, connectTimeoutMs: 1000 })
  const response = await client.request({ method: 'GET', url: `https://127.0.0.1:${listener.address.port}/` })
  t.equal(new TextDecoder().decode(await response.body.read()), 'undefined CERT_HAS_EXPIRED')
  client.close()
  await listener.close()
})
