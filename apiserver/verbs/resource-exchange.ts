/** One request for a resource, and how its response is to be encoded. */
import type { Kind } from '../../api/kind.ts'
import type { Exchange } from '../pipeline/exchange.ts'
import { negotiate } from '../pipeline/negotiation.ts'
import type { Parts } from '../parts.ts'
import type { EncodeContext } from './encode.ts'

export interface ResourceExchange extends Exchange {
  readonly kind: Kind
}

/** How the response is to be encoded; watches are always streams of JSON. @throws ApiError 406 */
export function encodeContext(
  parts: Pick<Parts, 'powers'>,
  request: ResourceExchange,
  mode: 'object' | 'watch' = 'object',
): EncodeContext {
  const representation = negotiate(request.http.headers['accept'], { transforms: true })
  return {
    kind: request.kind,
    representation: mode === 'watch' ? { ...representation, mediaType: 'application/json' } : representation,
    query: request.info.query,
    nowMs: parts.powers.clock.wallMs(),
  }
}
