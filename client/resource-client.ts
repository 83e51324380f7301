/** The verbs of one resource as HTTP: paths, queries, bodies. */
import type { Resource } from '../api/kind.ts'
import { defined } from '../platform/assert.ts'
import type {
  ApiObject,
  DeleteCallOptions,
  ListOptions,
  ListResult,
  PatchOptions,
  ResourceClient,
  SelectorOptions,
  WatchOptions,
  WatchStream,
  WriteOptions,
} from './api-client.ts'
import { requestTimeoutMsDefault, type Transport } from './transport.ts'
import { trusted } from '../api/meta/json.ts'
import { watchGraceMs, watchStream } from './watch-stream.ts'

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

const watchTimeoutSecondsDefault = 30

/** `/api/v1`, `/apis/apps/v1`. */
export function groupVersionPath(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
}

/** The path of a collection, or of an object or its subresource. */
export function resourcePath(
  resource: Pick<Resource, 'group' | 'version' | 'resource' | 'namespaced'>,
  options: { namespace?: string | undefined; name?: string | undefined; subresource?: string | undefined },
): string {
  const namespace =
    resource.namespaced && options.namespace !== undefined
      ? `/namespaces/${encodeURIComponent(options.namespace)}`
      : ''
  const name = options.name === undefined ? '' : `/${encodeURIComponent(options.name)}`
  const subresource = options.subresource === undefined ? '' : `/${options.subresource}`
  return `${groupVersionPath(resource)}${namespace}/${resource.resource}${name}${subresource}`
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** `?a=b&c=d` of what is defined, in the given order. */
export function formatQuery(query: Query): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`)
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function selectorQuery(options: SelectorOptions): Query {
  return { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector }
}

function writeQuery(options: WriteOptions | undefined): Query {
  return {
    fieldManager: options?.fieldManager,
    fieldValidation: options?.fieldValidation,
    dryRun: options?.dryRun ? 'All' : undefined,
  }
}

function deleteBody(options: DeleteCallOptions): unknown {
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    gracePeriodSeconds: options.gracePeriodSeconds,
    propagationPolicy: options.propagationPolicy,
    preconditions: options.preconditions,
    dryRun: options.dryRun ? ['All'] : undefined,
  }
}

/** `object` with the apiVersion and kind that list items leave out. */
function withType<T extends ApiObject>(resource: Resource<T>, object: T): T {
  if (object.kind && object.apiVersion) return object
  const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
  return { ...object, apiVersion, kind: resource.kind }
}

async function listPage<T extends ApiObject>(
  transport: Transport,
  resource: Resource<T>,
  namespace: string | undefined,
  options: ListOptions,
): Promise<ListResult<T>> {
  const query = formatQuery({
    ...selectorQuery(options),
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
    limit: options.limit,
    continue: options.continue,
  })
  const answer = trusted<{
    metadata?: { resourceVersion?: string; continue?: string }
    items?: readonly T[] | null
  }>(
    await transport.json({
      method: 'GET',
      path: `${resourcePath(resource, { namespace })}${query}`,
      signal: options.signal,
      timeoutMs: options.timeoutMs,
    }),
  )
  return {
    resourceVersion: answer.metadata?.resourceVersion ?? '',
    continue: answer.metadata?.continue || undefined,
    items: (answer.items ?? []).map((item) => withType(resource, item)),
  }
}

async function openWatch<T extends ApiObject>(
  transport: Transport,
  resource: Resource<T>,
  namespace: string | undefined,
  options: WatchOptions,
): Promise<WatchStream<T>> {
  const timeoutSeconds = options.timeoutSeconds ?? watchTimeoutSecondsDefault
  const query = formatQuery({
    watch: true,
    ...selectorQuery(options),
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
    allowWatchBookmarks: options.allowWatchBookmarks,
    sendInitialEvents: options.sendInitialEvents,
    timeoutSeconds,
  })
  const path = `${resourcePath(resource, { namespace })}${query}`
  const controller = new AbortController()
  const onAbort = () => controller.abort(options.signal?.reason)
  if (options.signal?.aborted) throw options.signal.reason
  options.signal?.addEventListener('abort', onAbort, { once: true })
  const stream = await transport
    .stream({ method: 'GET', path, signal: options.signal, timeoutMs: requestTimeoutMsDefault }, (error) =>
      controller.abort(error),
    )
    .catch((error: unknown) => {
      options.signal?.removeEventListener('abort', onAbort)
      throw error
    })
  return watchStream<T>({
    stream: {
      body: stream.body,
      close: () => {
        options.signal?.removeEventListener('abort', onAbort)
        stream.close()
      },
    },
    controller,
    clock: transport.powers.clock,
    deadlineMs: timeoutSeconds * 1000 + watchGraceMs,
    attempted: `watch ${path}`,
  })
}

/** The client of one resource. See `ResourceClient`. */
export function resourceClient<T extends ApiObject>(
  transport: Transport,
  resource: Resource<T>,
  namespace: string | undefined,
): ResourceClient<T> {
  const path = (name: string, subresource?: string) =>
    resourcePath(resource, { namespace, name, subresource })
  const scopeOf = (object: T) => object.metadata.namespace ?? namespace
  const send = async (method: string, target: string, body: unknown, options?: WriteOptions): Promise<T> =>
    trusted<T>(
      await transport.json({
        method,
        path: `${target}${formatQuery(writeQuery(options))}`,
        body,
        signal: options?.signal,
        timeoutMs: options?.timeoutMs,
      }),
    )
  const put = (object: T, subresource: string | undefined, options?: WriteOptions) =>
    send(
      'PUT',
      resourcePath(resource, { namespace: scopeOf(object), name: nameOf(object), subresource }),
      object,
      options,
    )
  return {
    get: async (name, options) =>
      trusted<T>(
        await transport.json({
          method: 'GET',
          path: `${path(name)}${formatQuery({ resourceVersion: options?.resourceVersion })}`,
          signal: options?.signal,
          timeoutMs: options?.timeoutMs,
        }),
      ),
    list: (options = {}) => listPage(transport, resource, namespace, options),
    watch: (options) => openWatch(transport, resource, namespace, options),
    create: (object, options) =>
      send('POST', resourcePath(resource, { namespace: scopeOf(object) }), object, options),
    update: (object, options) => put(object, undefined, options),
    updateStatus: (object, options) => put(object, 'status', options),
    patch: (name, patch, options) => sendPatch(transport, path(name, options.subresource), patch, options),
    delete: async (name, options = {}) => {
      await transport.json({
        method: 'DELETE',
        path: path(name),
        body: deleteBody(options),
        signal: options.signal,
        timeoutMs: options.timeoutMs,
      })
    },
    deleteCollection: async (options = {}) => {
      await transport.json({
        method: 'DELETE',
        path: `${resourcePath(resource, { namespace })}${formatQuery(selectorQuery(options))}`,
        body: deleteBody(options),
        signal: options.signal,
        timeoutMs: options.timeoutMs,
      })
    },
    getSubresource: (name, subresource, options) =>
      transport.json({ method: 'GET', path: path(name, subresource), ...options }),
    createSubresource: (name, subresource, body, options) =>
      transport.json({ method: 'POST', path: path(name, subresource), body, ...options }),
    updateSubresource: (name, subresource, body, options) =>
      transport.json({ method: 'PUT', path: path(name, subresource), body, ...options }),
  }
}

async function sendPatch<T>(
  transport: Transport,
  target: string,
  patch: unknown,
  options: PatchOptions,
): Promise<T> {
  const query = formatQuery({ ...writeQuery(options), force: options.force })
  return trusted<T>(
    await transport.json({
      method: 'PATCH',
      path: `${target}${query}`,
      body: patch,
      contentType: patchTypes[options.type],
      signal: options.signal,
      timeoutMs: options.timeoutMs,
    }),
  )
}

function nameOf(object: ApiObject): string {
  return defined(object.metadata.name, `metadata.name of a ${object.kind} to update`)
}
