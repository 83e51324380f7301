/** Synchronous cryptography by OpenSSL. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto'
import type { Crypto } from '../crypto.ts'

const keyCacheEntriesMax = 64

function publicKeyFrom(pem: string): KeyObject {
  return pem.includes('BEGIN CERTIFICATE') ? new X509Certificate(pem).publicKey : createPublicKey(pem)
}

export function createNodeCrypto(): Crypto {
  const privateKeys = new Map<string, KeyObject>()
  const publicKeys = new Map<string, KeyObject>()
  const cached = (
    cache: Map<string, KeyObject>,
    pem: string,
    parse: (pem: string) => KeyObject,
  ): KeyObject => {
    const known = cache.get(pem)
    if (known) return known
    if (cache.size >= keyCacheEntriesMax) cache.clear()
    const key = parse(pem)
    cache.set(pem, key)
    return key
  }
  return {
    digest: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
    signRs256: (privateKey, bytes) =>
      new Uint8Array(sign('sha256', bytes, cached(privateKeys, privateKey, createPrivateKey))),
    verifyRs256: (publicKey, bytes, signature) =>
      verify('sha256', bytes, cached(publicKeys, publicKey, publicKeyFrom), signature),
    publicKeyOf: (pem) => publicKeyFrom(pem).export({ type: 'spki', format: 'pem' }).toString(),
  }
}
