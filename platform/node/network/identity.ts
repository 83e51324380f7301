/** Who is at the other end of a TLS socket. */
import type { Socket } from 'node:net'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import type { PeerIdentity } from '../../network.ts'

export interface PeerCheck {
  readonly identity: PeerIdentity | undefined
  /** Why a presented certificate was not accepted. */
  readonly error: string | undefined
}

const nobody: PeerCheck = { identity: undefined, error: undefined }
const checks = new WeakMap<Socket, PeerCheck>()

function textsOf(value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}

function identityOf(certificate: PeerCertificate): PeerIdentity {
  return {
    commonName: textsOf(certificate.subject.CN)[0] ?? '',
    organizations: textsOf(certificate.subject.O),
  }
}

function check(socket: TLSSocket): PeerCheck {
  const certificate = socket.getPeerCertificate()
  if (certificate?.subject === undefined) return nobody
  if (!socket.authorized) return { identity: undefined, error: String(socket.authorizationError) }
  return { identity: identityOf(certificate), error: undefined }
}

/** The peer's identity, computed once per socket. */
export function peerOf(socket: Socket): PeerCheck {
  if (!(socket instanceof TLSSocket)) return nobody
  const known = checks.get(socket)
  if (known) return known
  const found = check(socket)
  checks.set(socket, found)
  return found
}
