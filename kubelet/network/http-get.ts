/** One HTTP GET as probes make it: redirects to the same host are followed, certificates not checked. */
import { type Clock, withDeadline } from '../../platform/clock.ts'
import type { HttpClient, Network } from '../../platform/network.ts'
import type { PodHttpRequest } from './pod-network.ts'

const redirectsMax = 10
const bodyBytesMax = 10 * 1024

/** @throws NetworkError, DeadlineExceeded */
export async function httpGet(
  powers: { readonly clock: Clock; readonly network: Network },
  request: PodHttpRequest,
): Promise<{ readonly status: number; readonly body: string }> {
  const { url, timeoutMs, signal } = request
  const client = powers.network.httpClient({ connectTimeoutMs: timeoutMs })
  try {
    return await withDeadline(
      { clock: powers.clock, timeoutMs, attempted: `Get "${url}"`, parent: signal },
      (deadline) => follow(client, request, deadline),
    )
  } finally {
    client.close()
  }
}

async function follow(client: HttpClient, request: PodHttpRequest, signal: AbortSignal) {
  let url = request.url
  for (let step = 0; step <= redirectsMax; step += 1) {
    const response = await client.request({ method: 'GET', url, headers: request.headers, signal })
    const location = response.headers.location
    if (response.status >= 300 && response.status < 400 && location !== undefined) {
      const next = new URL(location, url)
      response.body.cancel()
      // Another host is none of the probe's business: the answer counts as it is.
      if (next.hostname !== new URL(url).hostname) return { status: response.status, body: '' }
      url = next.toString()
      continue
    }
    const chunk = await response.body.read()
    response.body.cancel()
    return { status: response.status, body: new TextDecoder().decode(chunk?.subarray(0, bodyBytesMax)) }
  }
  return { status: 310, body: `stopped after ${redirectsMax} redirects` }
}
