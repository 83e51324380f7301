/**
 * A small API server in memory, for tests only: real HTTP through the simulated network, so that the client,
 * informers and controllers run unchanged above it. It knows resourceVersions, uids, conflicts, finalizers,
 * status subresources, generateName, merge patches and watches; it validates nothing.
 *
 * Several servers on one `FakeCluster` are replicas of one control plane.
 */
import { catalog, findKind } from '../../api/catalog.ts'
import type { Kind, KubeObject } from '../../api/kind.ts'
import { deepEqual, fieldOf, isArray, trusted } from '../../api/meta/json.ts'
import { applyMergePatch } from '../../api/meta/patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../../api/meta/patch/strategic-merge-patch.ts'
import { definitionOf } from '../../api/meta/schema.ts'
import {
  alreadyExists,
  ApiError,
  badRequest,
  conflict,
  expired,
  notFound,
  pageNotFound,
} from '../../api/meta/status.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { ByteSource, HttpRequest, HttpResponse } from '../../platform/network.ts'
import type { Powers } from '../../platform/powers.ts'
import { seededRandom } from '../../platform/random.ts'
import type { ApiObject } from '../api-client.ts'
import { readAll } from '../byte-source.ts'
import { keyOf, objectKey } from '../informer.ts'

interface StoredEvent {
  readonly version: number
  readonly kind: Kind
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: KubeObject
}

interface Target {
  readonly kind: Kind
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly subresource: string | undefined
}

/** What the test wants to happen to a request instead of, or after, its regular treatment. */
export type Interception =
  | { readonly type: 'refuse'; readonly error: ApiError }
  /** It happens, and the answer is lost. */
  | { readonly type: 'lose-answer' }

/** The objects and history that all replicas share. */
export class FakeCluster {
  readonly #powers: Pick<Powers, 'clock'>
  readonly #random = seededRandom(1n)
  readonly #objects = new Map<string, Map<string, KubeObject>>()
  readonly #watchers = new Set<(event: StoredEvent) => void>()
  #history: StoredEvent[] = []
  #version = 1
  #compacted = 0
  #uids = 0
  /** Every write that was served, as `POST pods`, in order. */
  readonly writes: string[] = []
  intercept: (request: { readonly method: string; readonly target: Target }) => Interception | undefined =
    () => undefined
  /** Called on each create, before the object is stored (default labels and the like). */
  admit: (object: KubeObject) => KubeObject = (object) => object

  constructor(powers: Pick<Powers, 'clock'>) {
    this.#powers = powers
  }

  get version(): number {
    return this.#version
  }

  all<T extends ApiObject>(kind: Kind<T>): readonly T[] {
    return trusted<readonly T[]>([...this.#collection(trusted<Kind>(kind)).values()])
  }

  get<T extends ApiObject>(kind: Kind<T>, namespace: string | undefined, name: string): T | undefined {
    return trusted<T | undefined>(this.#collection(trusted<Kind>(kind)).get(objectKey(namespace, name)))
  }

  /** Creates or replaces an object, status included. */
  set<T extends ApiObject>(kind: Kind<T>, object: T): T {
    const known = this.get(kind, object.metadata.namespace, object.metadata.name ?? '')
    const next = trusted<KubeObject>(
      known ? { ...object, metadata: { ...known.metadata, ...object.metadata } } : object,
    )
    if (known) return trusted<T>(this.#store(trusted<Kind>(kind), next, 'MODIFIED'))
    return trusted<T>(this.#store(trusted<Kind>(kind), this.#named(trusted<Kind>(kind), next), 'ADDED'))
  }

  /** Changes an object by a function of it. */
  change<T extends ApiObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    name: string,
    change: (object: T) => T,
  ): T {
    const known = this.get(kind, namespace, name)
    if (!known) throw new Error(`there is no ${kind.kind} ${name}`)
    return this.set(kind, change(known))
  }

  remove<T extends ApiObject>(kind: Kind<T>, namespace: string | undefined, name: string): void {
    const known = this.get(kind, namespace, name)
    if (known) this.#drop(trusted<Kind>(kind), trusted<KubeObject>(known))
  }

  /** Forgets the history: watches from before get 410. */
  compact(): void {
    this.#history = []
    this.#compacted = this.#version
  }

  create(kind: Kind, object: KubeObject): KubeObject {
    const named = this.#named(kind, this.admit(object))
    if (this.#collection(kind).has(keyOf(named))) throw alreadyExists(kind, named.metadata.name ?? '')
    return this.#store(kind, named, 'ADDED')
  }

  /** PUT: `status` chooses which half counts. */
  update(kind: Kind, object: KubeObject, status: boolean): KubeObject {
    const known = this.#found(kind, object.metadata.namespace, object.metadata.name ?? '')
    const version = object.metadata.resourceVersion
    if (version !== undefined && version !== known.metadata.resourceVersion) {
      throw conflict(kind, object.metadata.name ?? '')
    }
    if (object.metadata.uid !== undefined && object.metadata.uid !== known.metadata.uid) {
      throw conflict(kind, object.metadata.name ?? '', 'Precondition failed: UID')
    }
    const merged = trusted<KubeObject>(
      status
        ? { ...known, status: object.status }
        : { ...object, status: kind.hasStatus ? known.status : object.status },
    )
    const isSpecChanged = !deepEqual(known.spec, merged.spec)
    const { uid, creationTimestamp, deletionTimestamp, generation = 1 } = known.metadata
    const metadata = {
      ...merged.metadata,
      uid,
      creationTimestamp,
      deletionTimestamp,
      generation: generation + (isSpecChanged ? 1 : 0),
    }
    const next = trusted<KubeObject>({ ...merged, metadata })
    if (deepEqual(next, known)) return known
    if (deletionTimestamp !== undefined && holdersOf(next).length === 0) return this.#drop(kind, next)
    return this.#store(kind, next, 'MODIFIED')
  }

  delete(
    kind: Kind,
    target: Target,
    options: { preconditions?: { uid?: string }; propagationPolicy?: string },
  ): void {
    const known = this.#found(kind, target.namespace, target.name ?? '')
    const { uid } = options.preconditions ?? {}
    if (uid !== undefined && uid !== known.metadata.uid)
      throw conflict(kind, target.name ?? '', 'Precondition failed: UID')
    const added: Readonly<Record<string, string>> = { Foreground: 'foregroundDeletion', Orphan: 'orphan' }
    const extra = added[options.propagationPolicy ?? '']
    const finalizers = [...new Set([...(known.metadata.finalizers ?? []), ...(extra ? [extra] : [])])]
    if (finalizers.length + holdersOf(known).length === 0) {
      this.#drop(kind, known)
      return
    }
    const deletionTimestamp = known.metadata.deletionTimestamp ?? formatTime(this.#powers.clock.wallMs())
    this.#store(
      kind,
      { ...known, metadata: { ...known.metadata, finalizers, deletionTimestamp } },
      'MODIFIED',
    )
  }

  /** Events after `version`, then each as it comes. The result ends it. @throws ApiError 410 */
  watch(version: number, onEvent: (event: StoredEvent) => void): () => void {
    if (version < this.#compacted) throw expired(`too old resource version: ${version} (${this.#compacted})`)
    for (const event of this.#history) if (event.version > version) onEvent(event)
    this.#watchers.add(onEvent)
    return () => {
      this.#watchers.delete(onEvent)
    }
  }

  #collection(kind: Kind): Map<string, KubeObject> {
    const known = this.#objects.get(kind.storagePath) ?? new Map<string, KubeObject>()
    this.#objects.set(kind.storagePath, known)
    return known
  }

  #found(kind: Kind, namespace: string | undefined, name: string): KubeObject {
    const known = this.#collection(kind).get(objectKey(namespace, name))
    if (!known) throw notFound(kind, name)
    return known
  }

  #named(kind: Kind, object: KubeObject): KubeObject {
    this.#uids += 1
    const suffix = () => Array.from({ length: 5 }, () => 'bcdfghjklm'[this.#random.int(10)]).join('')
    const { metadata } = object
    return {
      ...object,
      apiVersion: object.apiVersion || (kind.group === '' ? kind.version : `${kind.group}/${kind.version}`),
      kind: kind.kind,
      metadata: {
        ...metadata,
        name: metadata.name ?? `${metadata.generateName ?? ''}${suffix()}`,
        uid: metadata.uid ?? `uid-${this.#uids}`,
        generation: 1,
        creationTimestamp: metadata.creationTimestamp ?? formatTime(this.#powers.clock.wallMs()),
      },
    }
  }

  #store(kind: Kind, object: KubeObject, type: 'ADDED' | 'MODIFIED'): KubeObject {
    this.#version += 1
    const resourceVersion = String(this.#version)
    const stored = trusted<KubeObject>(
      JSON.parse(JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion } })),
    )
    this.#collection(kind).set(keyOf(stored), stored)
    this.#tell({ version: this.#version, kind, type, object: stored })
    return stored
  }

  #drop(kind: Kind, object: KubeObject): KubeObject {
    this.#version += 1
    const gone = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } }
    this.#collection(kind).delete(keyOf(object))
    this.#tell({ version: this.#version, kind, type: 'DELETED', object: gone })
    return gone
  }

  #tell(event: StoredEvent): void {
    this.#history.push(event)
    for (const watcher of [...this.#watchers]) watcher(event)
  }
}

/** What keeps an object that is going away: its finalizers, and a namespace's own. */
function holdersOf({ kind, metadata, spec }: KubeObject): readonly unknown[] {
  const own = kind === 'Namespace' ? fieldOf(spec, 'finalizers') : undefined
  return [...(metadata.finalizers ?? []), ...(isArray(own) ? own : [])]
}

/** Serves a cluster at `host:port` of the given process's network. */
export async function startFakeApiserver(
  powers: Pick<Powers, 'network' | 'clock'>,
  cluster: FakeCluster,
  address: { readonly host: string; readonly port: number },
): Promise<void> {
  await powers.network.listenHttp({
    address,
    tls: undefined,
    handler: {
      request: async (request) => {
        try {
          return await answer(powers, cluster, request)
        } catch (error) {
          if (!(error instanceof ApiError)) throw error
          return json(error.code, error.status)
        }
      },
    },
  })
}

function json(status: number, body: unknown): HttpResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

async function answer(
  powers: Pick<Powers, 'clock'>,
  cluster: FakeCluster,
  request: HttpRequest,
): Promise<HttpResponse> {
  const url = new URL(request.url, 'http://fake')
  if (url.pathname === '/livez') return { status: 200, headers: {}, body: 'ok' }
  const target = targetOf(url.pathname)
  if (url.searchParams.get('watch') === 'true') return watch(powers, cluster, target, url)
  const bytes = await readAll(request.body, { sizeBytesMax: 1 << 22, signal: request.signal })
  const text = new TextDecoder().decode(bytes)
  const body = trusted<KubeObject>(text === '' ? undefined : JSON.parse(text))
  if (request.method === 'GET') return read(cluster, target)
  const interception = cluster.intercept({ method: request.method, target })
  if (interception?.type === 'refuse') throw interception.error
  const response = write(cluster, {
    method: request.method,
    target,
    body,
    contentType: request.headers['content-type'] ?? '',
  })
  cluster.writes.push(
    `${request.method} ${[target.kind.resource, target.subresource].filter(Boolean).join('/')}`,
  )
  if (interception?.type === 'lose-answer') return new Promise(() => {})
  return response
}

function targetOf(path: string): Target {
  const parts = path.split('/').filter((part) => part !== '')
  const [group, version, ...rest] = parts[0] === 'api' ? ['', parts[1], ...parts.slice(2)] : parts.slice(1)
  const isScoped =
    rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status' && rest[2] !== 'finalize'
  const [resource, name, subresource] = isScoped ? rest.slice(2) : rest
  const kind = findKind(group ?? '', version ?? '', resource ?? '')
  if (!kind || !catalog.includes(kind)) throw pageNotFound()
  return { kind, namespace: isScoped ? rest[1] : undefined, name, subresource }
}

function read(cluster: FakeCluster, { kind, namespace, name }: Target): HttpResponse {
  if (name !== undefined) {
    const found = cluster.get(kind, namespace, name)
    if (!found) throw notFound(kind, name)
    return json(200, found)
  }
  const items = cluster
    .all(kind)
    .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
  return json(200, {
    kind: `${kind.kind}List`,
    metadata: { resourceVersion: String(cluster.version) },
    items,
  })
}

function write(
  cluster: FakeCluster,
  {
    method,
    target,
    body,
    contentType,
  }: { method: string; target: Target; body: KubeObject; contentType: string },
): HttpResponse {
  const { kind, namespace, name } = target
  switch (method) {
    case 'POST':
      return json(201, cluster.create(kind, { ...body, metadata: { ...body.metadata, namespace } }))
    case 'PUT':
      return json(200, cluster.update(kind, body, target.subresource === 'status'))
    case 'PATCH': {
      const known = cluster.get(kind, namespace, name ?? '')
      if (!known) throw notFound(kind, name ?? '')
      const next = contentType.includes('strategic')
        ? applyStrategicMergePatch(known, body, definitionOf(kind.definition))
        : applyMergePatch(known, body)
      return json(200, cluster.update(kind, next, target.subresource === 'status'))
    }
    case 'DELETE':
      if (name === undefined) {
        for (const { metadata } of cluster.all(kind)) {
          if (metadata.namespace === namespace) cluster.delete(kind, { ...target, name: metadata.name }, {})
        }
      } else {
        cluster.delete(kind, target, trusted(body ?? {}))
      }
      return json(200, { kind: 'Status', apiVersion: 'v1', status: 'Success' })
    default:
      throw badRequest(`the fake does not know ${method}`)
  }
}

function watch(powers: Pick<Powers, 'clock'>, cluster: FakeCluster, target: Target, url: URL): HttpResponse {
  const { kind, namespace, name } = target
  const lines: string[] = []
  let wake: (() => void) | undefined
  let isEnded = false
  const push = (line: unknown) => {
    lines.push(`${JSON.stringify(line)}\n`)
    wake?.()
  }
  const end = () => {
    isEnded = true
    timer.cancel()
    stop()
    wake?.()
  }
  const timer = powers.clock.setTimer(Number(url.searchParams.get('timeoutSeconds') ?? '60') * 1000, () => {
    push({
      type: 'BOOKMARK',
      object: { kind: kind.kind, metadata: { resourceVersion: String(cluster.version) } },
    })
    end()
  })
  let stop = () => {}
  stop = cluster.watch(Number(url.searchParams.get('resourceVersion') ?? '0'), (event) => {
    if (event.kind.storagePath !== kind.storagePath || name !== undefined) return
    if (namespace !== undefined && event.object.metadata.namespace !== namespace) return
    push({ type: event.type, object: event.object })
  })
  const body: ByteSource = {
    read: async () => {
      while (lines.length === 0 && !isEnded) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      const text = lines.splice(0).join('')
      return text === '' ? undefined : new TextEncoder().encode(text)
    },
    cancel: end,
  }
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}
