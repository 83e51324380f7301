/** Certificates of the simulation: a JSON text that names who it is and who vouches for it. */
import type { PeerIdentity, TlsIdentity } from '../../network.ts'

/** An identity that simulated connections accept where both sides name the same authority. */
export function simIdentity(
  authority: string,
  commonName: string,
  organizations: readonly string[] = [],
): TlsIdentity {
  const certificate = JSON.stringify({ authority, commonName, organizations })
  return { certificateAuthority: authority, certificate, privateKey: `key of ${commonName}` }
}

export interface SimPeer {
  readonly identity: PeerIdentity | undefined
  readonly error: string | undefined
}

/** What a holder of `authority` makes of a certificate that the other side presents. */
export function checkIdentity(authority: string, presented: Partial<TlsIdentity> | undefined): SimPeer {
  if (presented?.certificate === undefined) return { identity: undefined, error: undefined }
  const parsed = JSON.parse(presented.certificate) as PeerIdentity & { authority: string } // unsafe: written by simIdentity
  if (parsed.authority !== authority)
    return { identity: undefined, error: 'unable to verify the first certificate' }
  return {
    identity: { commonName: parsed.commonName, organizations: parsed.organizations },
    error: undefined,
  }
}
