/** One API request on its way through the server, after authentication. */
import type { HttpRequest } from '../../platform/network.ts'
import type { User } from '../authn/user.ts'
import type { RequestInfo } from './request-info.ts'

export interface Exchange {
  readonly http: HttpRequest
  readonly info: RequestInfo
  readonly user: User
  /** Aborts when the client goes away or the request's time is up. */
  readonly signal: AbortSignal
  /** Texts for `Warning: 299` headers, collected on the way. */
  readonly warnings: string[]
}

/** The `Warning` headers of RFC 7234 for collected texts, each text once. */
export function warningHeaders(warnings: readonly string[]): Readonly<Record<string, readonly string[]>> {
  if (warnings.length === 0) return {}
  const unique = [...new Set(warnings)]
  return { warning: unique.map((text) => `299 - ${JSON.stringify(text)}`) }
}
