/** OpenID discovery of the ServiceAccount issuer, so that others can verify our tokens. */
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { rsaPublicJwk } from '../authn/jwk.ts'
import { keyIdOf } from '../authn/jwt.ts'

/** The response; undefined when the path is none of OpenID's. */
export function serveOpenId(parts: Parts, path: string): HttpResponse | undefined {
  const { serviceAccountIssuer: issuer, serviceAccountKey } = parts.config
  if (path === '/.well-known/openid-configuration')
    return json('application/json', {
      issuer,
      jwks_uri: `${issuer}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    })
  if (path !== '/openid/v1/jwks') return undefined
  const keys = serviceAccountKey.publicKeys.map((pem) => ({
    use: 'sig',
    kty: 'RSA',
    kid: keyIdOf(parts.powers.crypto, pem),
    alg: 'RS256',
    ...rsaPublicJwk(pem),
  }))
  return json('application/jwk-set+json', { keys })
}

function json(type: string, value: unknown): HttpResponse {
  return { status: 200, headers: { 'content-type': type }, body: JSON.stringify(value) }
}
