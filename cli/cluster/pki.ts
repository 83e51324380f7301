/**
 * The cluster's `pki/` directory. Made once; at every start a leaf is issued again only when it is missing,
 * was issued for other names, or runs out within a month. Authorities and the token key are never replaced:
 * everything that trusts the cluster trusts them.
 */
import type { Files } from '../../platform/files.ts'
import type { TlsIdentity } from '../../platform/network.ts'
import {
  authorityNames,
  type AuthorityName,
  type CertificateSpec,
  planCertificates,
} from './certificate-plan.ts'
import { type ClusterFile, clusterPaths } from './cluster-file.ts'

/** What `platform/node/certificates` offers; loaded only when something has to be issued. */
export interface CertificateMaker {
  createAuthority(options: { commonName: string }): Promise<KeyPair>
  issueCertificate(
    authority: KeyPair,
    options: Omit<CertificateSpec, 'name' | 'authority'> & { days: number },
  ): Promise<KeyPair>
  createTokenKey(): { readonly privateKey: string; readonly publicKey: string }
}

interface KeyPair {
  readonly certificate: string
  readonly privateKey: string
}

/** What was issued, for which names, and until when. */
type Issued = Readonly<Record<string, { readonly for: string; readonly notAfterMs: number }>>

const dayMs = 86_400_000
const leafDays = 365
const renewBeforeMs = 30 * dayMs

/** Makes what is missing and says how many certificates that were. */
export async function ensurePki(options: {
  readonly files: Files
  readonly dir: string
  readonly cluster: ClusterFile
  readonly nowMs: number
  readonly loadMaker: () => Promise<CertificateMaker>
}): Promise<{ readonly issued: number; readonly kept: number }> {
  const { files, dir, cluster, nowMs } = options
  const pki = clusterPaths(dir).pki
  files.makeDirectory(pki, { mode: 0o700 })
  const specs = planCertificates(cluster)
  const known = readIssued(files, pki)
  const due = specs.filter((spec) => isDue(files, pki, spec, known, nowMs))
  const isFirst = !files.exists(`${pki}/sa.key`)
  if (due.length === 0 && !isFirst) return { issued: 0, kept: specs.length }
  const maker = await options.loadMaker()
  const authorities = await ensureAuthorities(files, pki, cluster, maker)
  if (isFirst) {
    const tokenKey = maker.createTokenKey()
    files.write(`${pki}/sa.pub`, tokenKey.publicKey)
    files.write(`${pki}/sa.key`, tokenKey.privateKey, { mode: 0o600 })
  }
  await Promise.all(
    due.map(async ({ name, authority, ...spec }) => {
      const pair = await maker.issueCertificate(authorities[authority], { ...spec, days: leafDays })
      writePair(files, `${pki}/${name}`, pair)
    }),
  )
  const notAfterMs = nowMs + leafDays * dayMs
  const fresh = Object.fromEntries(due.map((spec) => [spec.name, { for: JSON.stringify(spec), notAfterMs }]))
  files.write(`${pki}/issued.json`, `${JSON.stringify({ ...known, ...fresh }, undefined, 1)}\n`)
  return { issued: due.length, kept: specs.length - due.length }
}

/** An identity from its three files. */
export function readIdentity(
  files: Files,
  paths: { readonly ca: string; readonly certificate: string; readonly key: string },
): TlsIdentity {
  return {
    certificateAuthority: files.readText(paths.ca),
    certificate: files.readText(paths.certificate),
    privateKey: files.readText(paths.key),
  }
}

/** The identity of that name in a cluster's `pki/`. */
export function clusterIdentity(
  files: Files,
  dir: string,
  name: string,
  authority: AuthorityName = 'ca',
): TlsIdentity {
  const pki = clusterPaths(dir).pki
  return readIdentity(files, {
    ca: `${pki}/${authority}.crt`,
    certificate: `${pki}/${name}.crt`,
    key: `${pki}/${name}.key`,
  })
}

async function ensureAuthorities(
  files: Files,
  pki: string,
  cluster: ClusterFile,
  maker: CertificateMaker,
): Promise<Readonly<Record<AuthorityName, KeyPair>>> {
  const ensure = async (name: AuthorityName): Promise<KeyPair> => {
    if (files.exists(`${pki}/${name}.key`)) {
      return {
        certificate: files.readText(`${pki}/${name}.crt`),
        privateKey: files.readText(`${pki}/${name}.key`),
      }
    }
    const pair = await maker.createAuthority({ commonName: `skedia-${cluster.name}-${name}` })
    writePair(files, `${pki}/${name}`, pair)
    return pair
  }
  const [ca, storeCa, peerCa] = await Promise.all(authorityNames.map(ensure))
  if (!ca || !storeCa || !peerCa) throw new Error('an authority was not made')
  return { ca, 'store-ca': storeCa, 'peer-ca': peerCa }
}

/** The key first: a certificate without its key would count as made. */
function writePair(files: Files, path: string, pair: KeyPair): void {
  files.write(`${path}.key`, pair.privateKey, { mode: 0o600 })
  files.write(`${path}.crt`, pair.certificate)
}

function isDue(files: Files, pki: string, spec: CertificateSpec, known: Issued, nowMs: number): boolean {
  const issued = known[spec.name]
  return (
    issued === undefined ||
    issued.for !== JSON.stringify(spec) ||
    issued.notAfterMs - nowMs < renewBeforeMs ||
    !files.exists(`${pki}/${spec.name}.crt`) ||
    !files.exists(`${pki}/${spec.name}.key`)
  )
}

function readIssued(files: Files, pki: string): Issued {
  const path = `${pki}/issued.json`
  if (!files.exists(path)) return {}
  try {
    const parsed: unknown = JSON.parse(files.readText(path))
    return isIssued(parsed) ? parsed : {}
  } catch {
    return {} // torn by a crash: everything is issued again
  }
}

function isIssued(value: unknown): value is Issued {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every(
      (entry) =>
        typeof entry === 'object' && entry !== null && 'for' in entry && typeof entry.notAfterMs === 'number',
    )
  )
}
