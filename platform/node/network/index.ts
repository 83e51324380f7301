/** The real network: TLS by OpenSSL, frames by ws, HTTP by Node. */
import type { Network } from '../../network.ts'
import { dialBytes, listenBytes } from './bytes.ts'
import { dialFrames, listenFrames } from './frames.ts'
import { createHttpClient } from './http-client.ts'
import { listenHttp } from './http-server.ts'

/** `onError` hears what a handler threw: a bug. */
export function createNodeNetwork(onError: (error: unknown) => void): Network {
  return {
    listenFrames,
    dialFrames,
    listenHttp: (options) => listenHttp({ ...options, onError }),
    httpClient: createHttpClient,
    listenBytes,
    dialBytes,
  }
}
