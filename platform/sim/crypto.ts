/** Deterministic cryptography: a signature is a digest that only a holder of the key's name can make. */
import { createHash } from 'node:crypto'
import type { Crypto } from '../crypto.ts'

function sha256(...parts: (Uint8Array | string)[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

/** A key pair for `signRs256` and `verifyRs256` in a simulation. */
export function simTokenKey(name: string): { readonly privateKey: string; readonly publicKey: string } {
  return { privateKey: `private ${name}`, publicKey: `public ${name}` }
}

export function createSimCrypto(): Crypto {
  const sign = (name: string, bytes: Uint8Array) => sha256('simulated signature of ', name, bytes)
  return {
    digest: (bytes) => sha256(bytes),
    signRs256: (privateKey, bytes) => sign(privateKey.replace(/^private /, ''), bytes),
    verifyRs256: (publicKey, bytes, signature) => {
      const expected = sign(publicKey.replace(/^public /, ''), bytes)
      return (
        expected.length === signature.length && expected.every((byte, index) => byte === signature[index])
      )
    },
    publicKeyOf: (pem) => pem.replace(/^private /, 'public '),
  }
}
