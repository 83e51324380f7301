/** Small HTTP exchanges whose answer is one text: control port, health endpoints, a few reads of the API. */
import { type Clock, withDeadline } from '../../platform/clock.ts'
import type { ByteSource, HttpClient } from '../../platform/network.ts'

/** An answer is cut off, as an error, beyond this. */
const bodyBytesMax = 64 * 1024 * 1024

export interface TextResponse {
  readonly status: number
  readonly text: string
}

/** @throws NetworkError; DeadlineExceeded when the whole answer is not there in time */
export function fetchText(
  powers: { readonly clock: Clock },
  client: HttpClient,
  request: {
    readonly method?: string
    readonly url: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
    readonly timeoutMs: number
    readonly signal?: AbortSignal | undefined
  },
): Promise<TextResponse> {
  const method = request.method ?? 'GET'
  return withDeadline(
    {
      clock: powers.clock,
      timeoutMs: request.timeoutMs,
      attempted: `${method} ${request.url}`,
      parent: request.signal,
    },
    async (signal) => {
      const response = await client.request({
        method,
        url: request.url,
        ...(request.headers ? { headers: request.headers } : {}),
        ...(request.body === undefined ? {} : { body: request.body }),
        signal,
      })
      return { status: response.status, text: await readText(response.body) }
    },
  )
}

async function readText(body: ByteSource): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const chunk = await body.read()
    if (chunk === undefined) return text + decoder.decode()
    text += decoder.decode(chunk, { stream: true })
    if (text.length > bodyBytesMax) {
      body.cancel()
      throw new Error(`an answer of more than ${bodyBytesMax} characters`)
    }
  }
}
