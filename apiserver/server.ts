/**
 * `startApiserver`: builds the parts, listens, and boots in the background. It serves as soon as it
 * listens; it is ready (`/readyz`) once the bootstrap objects are checked.
 *
 * Stateless: everything it knows it has read from the store, so any replica may die at any time.
 */
import type { Powers } from '../platform/powers.ts'
import { sleep } from '../platform/clock.ts'
import { messageOf } from '../platform/assert.ts'
import type { HttpHandler, Listener } from '../platform/network.ts'
import { TaskGroup } from '../platform/tasks.ts'
import { createAdmission } from './admission/catalog.ts'
import { Authenticator } from './authn/authenticator.ts'
import { storedBoundObjects } from './authn/bound-objects.ts'
import { ServiceAccountTokens } from './authn/service-account-tokens.ts'
import { createAuthorizer } from './authz/catalog.ts'
import { cachedRbacObjects } from './authz/cached-rbac.ts'
import { RbacAuthorizer } from './authz/rbac.ts'
import { bootstrap } from './bootstrap/bootstrap.ts'
import { removeOwnLease, runIdentity } from './bootstrap/identity.ts'
import { CacherSet } from './cacher/cacher-set.ts'
import type { Apiserver, ApiserverConfig } from './config.ts'
import { Discovery } from './discovery/discovery.ts'
import { type Documents, serveNonResource } from './endpoints/non-resource.ts'
import { OpenApi } from './openapi/openapi.ts'
import type { Parts } from './parts.ts'
import { defaultFlowLimits, FlowControl } from './pipeline/flow-control.ts'
import { createHandler } from './pipeline/handler.ts'
import { createHooks } from './registry/hook-catalog.ts'
import { runCompactor } from './storage/compactor.ts'
import { EventLeases } from './storage/event-leases.ts'
import { ObjectStorage } from './storage/object-storage.ts'
import { RevisionReader } from './storage/revision-reader.ts'
import { serveUpgrade } from './subresources/upgrade.ts'
import { serveResource } from './verbs/resource.ts'

const requestTimeoutMsDefault = 60_000
const compactionIntervalMsDefault = 5 * 60_000
const kubeletConnectTimeoutMs = 5_000
/** Replicas that start at once may get into one another's way for a moment. */
const bootstrapRetryMsMin = 30
const bootstrapRetryMsMax = 1_000

/**
 * Starts one replica.
 * @throws NetworkError when an address cannot be bound, RangeError on a bad service range; nothing is left running then
 */
export async function startApiserver(powers: Powers, config: ApiserverConfig): Promise<Apiserver> {
  const log = powers.log.child({ apiserver: config.name })
  const tasks = new TaskGroup((error, name) => log.error('a background task failed', { task: name, error }))
  try {
    const parts = buildParts({ ...powers, log }, config, tasks)
    const listeners = await listenAll(powers, config, handlerOf(parts))
    startTasks(parts)
    return componentOf(parts, listeners)
  } catch (error) {
    await tasks.close()
    throw error
  }
}

function handlerOf(parts: Parts): HttpHandler {
  const { powers, config } = parts
  const documents: Documents = {
    discovery: new Discovery(powers.crypto, addressText(config)),
    openApi: new OpenApi(powers.crypto),
  }
  return createHandler({
    clock: powers.clock,
    log: powers.log,
    random: powers.random.fork('audit-id'),
    metrics: powers.metrics,
    authenticator: new Authenticator(parts.tokens),
    authorizer: parts.authorizer,
    flow: new FlowControl(config.flowLimits ?? defaultFlowLimits),
    requestTimeoutMs: config.requestTimeoutMs ?? requestTimeoutMsDefault,
    route: (exchange) =>
      exchange.info.isResource
        ? serveResource(parts, exchange)
        : serveNonResource(parts, documents, exchange),
    routeUpgrade: (exchange) => serveUpgrade(parts, exchange),
  })
}

function buildParts(powers: Powers, config: ApiserverConfig, tasks: TaskGroup): Parts {
  const { clock, store } = { clock: powers.clock, store: config.store }
  const storage = new ObjectStorage(clock, store)
  const revisions = new RevisionReader(store)
  const cachers = new CacherSet(powers, store, revisions, tasks)
  const rbac = new RbacAuthorizer(cachedRbacObjects(cachers))
  const tokens = new ServiceAccountTokens(
    { clock, crypto: powers.crypto, random: powers.random.fork('token-ids') },
    {
      privateKey: config.serviceAccountKey.privateKey,
      publicKeys: config.serviceAccountKey.publicKeys,
      issuer: config.serviceAccountIssuer,
      audiences: [config.serviceAccountIssuer],
    },
    storedBoundObjects(storage),
  )
  const random = powers.random.fork('registry')
  const hooks = createHooks({ storage, clock, random, serviceCidr: config.serviceCidr })
  const admission = createAdmission({ storage, cachers, clock, random, rbac })
  return {
    powers,
    config,
    tasks,
    store,
    storage,
    revisions,
    cachers,
    registry: { clock, random, storage, leases: new EventLeases(clock, store), admission, hooks },
    kubelets: powers.network.httpClient({
      tls: config.kubeletClientTls,
      connectTimeoutMs: kubeletConnectTimeoutMs,
    }),
    plain: powers.network.httpClient({ connectTimeoutMs: kubeletConnectTimeoutMs }),
    tokens,
    rbac,
    authorizer: createAuthorizer(rbac, cachers),
    readiness: { isBootstrapped: false, isShuttingDown: false },
  }
}

function addressText(config: ApiserverConfig): string {
  return `${config.advertiseAddress.host}:${config.advertiseAddress.port}`
}

async function listenAll(
  powers: Powers,
  config: ApiserverConfig,
  handler: HttpHandler,
): Promise<readonly Listener[]> {
  const listeners: Listener[] = []
  try {
    for (const address of config.bindAddresses)
      listeners.push(await powers.network.listenHttp({ address, tls: config.tls, handler }))
    return listeners
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()))
    throw error
  }
}

function startTasks(parts: Parts): void {
  const { tasks, powers, config, store } = parts
  tasks.run('bootstrap', async (signal) => {
    await bootstrapUntilDone(parts, signal)
    await runIdentity(parts, signal)
  })
  const intervalMs = config.compactionIntervalMs ?? compactionIntervalMsDefault
  tasks.run('compactor', (signal) => runCompactor(powers, { store, intervalMs }, signal))
}

async function bootstrapUntilDone(parts: Parts, signal: AbortSignal): Promise<void> {
  const { clock, log } = parts.powers
  let retryMs = bootstrapRetryMsMin
  while (!signal.aborted) {
    try {
      await bootstrap(parts)
      parts.readiness.isBootstrapped = true
      log.info('bootstrap objects are in place')
      return
    } catch (error) {
      log.info('bootstrap is not done, trying again', { error: messageOf(error) })
      await sleep(clock, retryMs, signal)
      retryMs = Math.min(retryMs * 2, bootstrapRetryMsMax)
    }
  }
}

function componentOf(parts: Parts, listeners: readonly Listener[]): Apiserver {
  let closing: Promise<void> | undefined
  const close = async () => {
    parts.readiness.isShuttingDown = true
    await removeOwnLease(parts)
    await parts.tasks.close()
    await Promise.all(listeners.map((listener) => listener.close()))
    parts.kubelets.close()
    parts.plain.close()
  }
  return {
    addresses: listeners.map((listener) => listener.address),
    isReady: () => parts.readiness.isBootstrapped && !parts.readiness.isShuttingDown,
    close: () => {
      closing ??= close()
      return closing
    },
  }
}
