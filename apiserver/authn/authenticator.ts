/**
 * Who is calling? The first of these that has an opinion decides:
 *
 *     bearer token        a ServiceAccount JWT; one that does not verify is a 401, not anonymous
 *     client certificate  CN is the user, O are the groups; verified by the TLS layer
 *     bad certificate     expired or of an unknown issuer: a 401 that says why
 *     nothing             system:anonymous, whom authorization lets see health and version only
 *
 * A browser or a kubelet may present both; the certificate then counts (as upstream's union does).
 * Source: Kubernetes docs, "Authenticating".
 */
import { unauthorized } from '../../api/meta/status.ts'
import type { HttpRequest, PeerIdentity } from '../../platform/network.ts'
import { anonymous, authenticated, type User } from './user.ts'

export interface TokenAuthenticator {
  /** The token's user; undefined when it is not valid. @throws StoreError */
  authenticate(token: string, audiences: readonly string[]): Promise<User | undefined>
}

export class Authenticator {
  readonly #tokens: TokenAuthenticator

  constructor(tokens: TokenAuthenticator) {
    this.#tokens = tokens
  }

  /** @throws ApiError 401 for credentials that are not valid */
  async authenticate(request: Pick<HttpRequest, 'headers' | 'peer' | 'peerError'>): Promise<User> {
    if (request.peer && request.peer.commonName !== '') return certificateUser(request.peer)
    const token = bearerToken(request.headers['authorization'])
    if (token === undefined) {
      if (request.peerError !== undefined)
        throw unauthorized(`Unauthorized: the client certificate was not accepted: ${request.peerError}`)
      return anonymous
    }
    const user = await this.#tokens.authenticate(token, [])
    if (!user) throw unauthorized()
    return authenticated(user)
  }
}

/** The user that a verified client certificate names. */
function certificateUser(peer: PeerIdentity): User {
  return authenticated({ name: peer.commonName, uid: '', groups: [...peer.organizations], extra: {} })
}

/** The token of an `Authorization: Bearer` header. */
export function bearerToken(header: string | undefined): string | undefined {
  const match = /^bearer\s+(\S+)\s*$/i.exec(header ?? '')
  return match?.[1]
}
