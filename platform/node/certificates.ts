/**
 * Certificates for a cluster, made at set-up: authorities of its own and leaf certificates for mutual TLS,
 * ECDSA P-256, by @peculiar/x509 (RFC 5280). Not on any request path: this module is asynchronous.
 */
import 'reflect-metadata'
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const dayMs = 86_400_000

/** An authority: its certificate and key as PEM, and the key ready for signing. */
export interface Authority {
  readonly certificate: string
  readonly privateKey: string
}

export interface IssuedCertificate {
  readonly certificate: string
  readonly privateKey: string
}

function toPem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

function fromPem(pem: string): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  return new Uint8Array(bytes)
}

function escapeName(value: string): string {
  return value.replace(/([,+"\\<>;=#])/g, '\\$1')
}

function serial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01
  return bytes.toString('hex')
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now()
  return { notBefore: new Date(now - dayMs), notAfter: new Date(now + days * dayMs) }
}

async function generateKeys(): Promise<{ keys: CryptoKeyPairLike; privateKey: string }> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const privateKey = toPem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return { keys, privateKey }
}

type CryptoKeyPairLike = webcrypto.CryptoKeyPair

/** A self-signed authority that may sign leaves only. */
export async function createAuthority(options: {
  readonly commonName: string
  readonly days?: number
}): Promise<Authority> {
  const { keys, privateKey } = await generateKeys()
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${escapeName(options.commonName)}`,
    issuer: `CN=${escapeName(options.commonName)}`,
    ...validity(options.days ?? 3650),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(
        KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature,
        true,
      ),
    ],
  })
  return { certificate: `${certificate.toString('pem')}\n`, privateKey }
}

/**
 * A leaf certificate with a key of its own.
 * `usages`: `server` for TLS servers, `client` for identities; `days` may be negative to make an expired one.
 */
export async function issueCertificate(
  authority: Authority,
  options: {
    readonly commonName: string
    readonly organizations?: readonly string[]
    readonly dnsNames?: readonly string[]
    readonly ipAddresses?: readonly string[]
    readonly usages: readonly ('server' | 'client')[]
    readonly days?: number
  },
): Promise<IssuedCertificate> {
  const { keys, privateKey } = await generateKeys()
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    fromPem(authority.privateKey),
    algorithm,
    false,
    ['sign'],
  )
  const names = [
    ...(options.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(options.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ]
  const usages = options.usages.map((usage) =>
    usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth,
  )
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension(usages),
    ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
  ]
  const organizations = (options.organizations ?? []).map((name) => `O=${escapeName(name)}`)
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [...organizations, `CN=${escapeName(options.commonName)}`].join(', '),
    issuer: new X509Certificate(authority.certificate).subject,
    ...validity(options.days ?? 365),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions,
  })
  return { certificate: `${certificate.toString('pem')}\n`, privateKey }
}

/** An RSA key pair (2048 bits) for signing ServiceAccount tokens (RS256), as PEM. */
export function createTokenKey(): { readonly privateKey: string; readonly publicKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
}
