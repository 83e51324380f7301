/**
 * Cryptography on the request path, as a power: synchronous, so that it adds no order of its own to a
 * simulated run. Certificates are made at set-up, by `platform/node/certificates`, not here.
 */
export interface Crypto {
  /** SHA-256. */
  digest(bytes: Uint8Array | string): Uint8Array
  /** RSASSA-PKCS1-v1_5 with SHA-256 (JWS RS256). `privateKey` is PEM. @throws on a malformed key */
  signRs256(privateKey: string, bytes: Uint8Array): Uint8Array
  /** Verifies against a PEM public key or certificate; false on any mismatch. */
  verifyRs256(publicKey: string, bytes: Uint8Array, signature: Uint8Array): boolean
  /** The PEM public key (SPKI) of a PEM private key or certificate. */
  publicKeyOf(pem: string): string
}
