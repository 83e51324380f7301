/** The real network: TLS by OpenSSL, frames by ws, HTTP by Node. */
import type { Network } from '../../network.ts'
import { dialBytes, listenBytes } from './bytes.ts'
import { createHttpClient } from './http-client.ts'
import { listenHttp } from './http-server.ts'

/** `onError` hears what a handler threw: a bug. */
export function createNodeNetwork(onError: (error: unknown) => void): Network {
  return {
    // ws is loaded by those who speak in frames only: the store's members and its clients.
    listenFrames: async (options) => (await import('./frames.ts')).listenFrames(options),
    dialFrames: async (options) => (await import('./frames.ts')).dialFrames(options),
    listenHttp: (options) => listenHttp({ ...options, onError }),
    httpClient: createHttpClient,
    listenBytes,
    dialBytes,
  }
}
