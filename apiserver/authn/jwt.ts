/** JSON Web Tokens signed with RS256, as much of RFC 7515/7519 as ServiceAccount tokens need. */
import { isObject } from '../../api/meta/json.ts'
import type { Crypto } from '../../platform/crypto.ts'

const encoder = new TextEncoder()

export type Claims = Readonly<Record<string, unknown>>

/** The key id that kube-apiserver gives a key: base64url(SHA-256 of the public key's DER). */
export function keyIdOf(crypto: Pick<Crypto, 'digest'>, publicKey: string): string {
  const base64 = publicKey.replace(/-----[^-]+-----/g, '').replace(/\s+/g, '')
  const der = Uint8Array.from(Buffer.from(base64, 'base64'))
  return Buffer.from(crypto.digest(der)).toString('base64url')
}

/** A signed token. */
export function signJwt(
  crypto: Crypto,
  key: { readonly privateKey: string; readonly keyId: string },
  claims: Claims,
): string {
  const header = encodePart({ alg: 'RS256', kid: key.keyId })
  const payload = encodePart(claims)
  const signature = crypto.signRs256(key.privateKey, encoder.encode(`${header}.${payload}`))
  return `${header}.${payload}.${Buffer.from(signature).toString('base64url')}`
}

/** The claims of a token that one of the keys has signed; undefined for any other text. */
export function verifyJwt(
  crypto: Pick<Crypto, 'verifyRs256'>,
  publicKeys: readonly string[],
  token: string,
): Claims | undefined {
  const [header, payload, signature, ...more] = token.split('.')
  if (!header || !payload || !signature || more.length > 0) return undefined
  const head = decodePart(header)
  if (head?.['alg'] !== 'RS256') return undefined
  const bytes = encoder.encode(`${header}.${payload}`)
  const signed = Uint8Array.from(Buffer.from(signature, 'base64url'))
  if (!publicKeys.some((key) => crypto.verifyRs256(key, bytes, signed))) return undefined
  return decodePart(payload)
}

function encodePart(value: Claims): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('base64url')
}

function decodePart(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return isObject(value) ? Object.fromEntries(Object.entries(value)) : undefined
  } catch {
    return undefined
  }
}
