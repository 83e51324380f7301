/** Paths that are about no resource: health, version, metrics, discovery, OpenAPI, OpenID. */
import { pageNotFound } from '../../api/meta/status.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Discovery } from '../discovery/discovery.ts'
import type { OpenApi } from '../openapi/openapi.ts'
import type { Parts } from '../parts.ts'
import type { Exchange } from '../pipeline/exchange.ts'
import { serveHealth } from './health.ts'
import { serveOpenId } from './openid.ts'
import { versionInfo } from './version.ts'

export interface Documents {
  readonly discovery: Discovery
  readonly openApi: OpenApi
}

/** @throws ApiError 404 */
export async function serveNonResource(
  parts: Parts,
  documents: Documents,
  exchange: Exchange,
): Promise<HttpResponse> {
  const { path, query } = exchange.info
  const { headers } = exchange.http
  if (path === '/version' || path === '/version/') return json(versionInfo)
  if (path === '/metrics') return await metrics(parts)
  if (path === '/') return json({ paths: rootPaths })
  const response =
    (await serveHealth(parts, path, query)) ??
    documents.discovery.serve(path, headers) ??
    documents.openApi.serve(path, headers) ??
    serveOpenId(parts, path)
  if (!response) throw pageNotFound()
  return response
}

const rootPaths = [
  '/.well-known/openid-configuration',
  '/api',
  '/api/v1',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
]

async function metrics(parts: Parts): Promise<HttpResponse> {
  const { metrics: power } = parts.powers
  const gauge = power.gauge({
    name: 'apiserver_watch_cache_objects',
    help: 'Objects in the watch cache by storage prefix.',
    labels: ['prefix'],
  })
  const watchers = power.gauge({
    name: 'apiserver_registered_watchers',
    help: 'Open watches by storage prefix.',
    labels: ['prefix'],
  })
  for (const [prefix, cacher] of parts.cachers.started()) {
    gauge.set(cacher.objectCount, { prefix })
    watchers.set(cacher.watcherCount, { prefix })
  }
  const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
  return { status: 200, headers, body: await power.expose() }
}

function json(value: unknown): HttpResponse {
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: `${JSON.stringify(value, null, 2)}\n`,
  }
}
