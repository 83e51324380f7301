/**
 * CREATE. Order, as upstream: place and name → defaults → mutating admission → system fields and the
 * kind's strategy → validation → validating admission → allocation → the store.
 *
 * A generated name that is taken is drawn again, at most eight times.
 */
import { generateName } from '../../api/meta/names.ts'
import { alreadyExists, badRequest, generatedNameTaken, invalid } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Attributes } from '../admission/plugin.ts'
import { objectKey } from '../storage/keys.ts'
import { OutcomeUnknown } from '../storage/object-storage.ts'
import { encodeForStore, type StoredObject } from '../storage/stored-object.ts'
import { StoreError } from '../../store/client/store-client.ts'
import { fromStorage, toStorage } from './conversion.ts'
import { hookKey, unprepared, type Prepared } from './hooks.ts'
import { recordManager } from './field-managers.ts'
import { fillSystemFields, metadataProblems, placeInNamespace, withMetadata } from './metadata.ts'
import type { RegistryParts, WriteOutcome, WriteScope } from './scope.ts'

/** Upstream's number of draws for a generated name. */
const nameDrawsMax = 8

/** @throws ApiError 400, 403, 409, 422; StoreError; OutcomeUnknown */
export async function createObject(
  parts: RegistryParts,
  scope: WriteScope,
  given: KubeObject,
): Promise<WriteOutcome> {
  const base = given.metadata.generateName ?? ''
  const isGenerated = (given.metadata.name ?? '') === '' && base !== ''
  for (let draw = 1; ; draw += 1) {
    const named = isGenerated ? withMetadata(given, { name: generateName(base, parts.random) }) : given
    const outcome = await createOnce(parts, scope, named)
    if (outcome) return outcome
    const name = named.metadata.name ?? ''
    if (!isGenerated) throw alreadyExists(scope.kind, name)
    if (draw >= nameDrawsMax) throw generatedNameTaken(scope.kind, name)
  }
}

/** Undefined when the name is taken. */
async function createOnce(
  parts: RegistryParts,
  scope: WriteScope,
  given: KubeObject,
): Promise<WriteOutcome | undefined> {
  const object = await prepareCreate(parts, scope, given)
  const prepared = await runCreateHook(parts, scope, object)
  try {
    const managed = recordManager(parts, scope, undefined, prepared.object)
    if (scope.dryRun) {
      await refuseTaken(parts, scope, managed)
      await prepared.rollback()
      return { object: managed, created: true }
    }
    const stored = await writeNew(parts, scope, managed)
    if (!stored) await prepared.rollback()
    return stored && { object: fromStorage(scope.kind, stored), created: true }
  } catch (error) {
    if (!(error instanceof OutcomeUnknown)) await prepared.rollback()
    throw error
  }
}

async function prepareCreate(
  parts: RegistryParts,
  scope: WriteScope,
  given: KubeObject,
): Promise<KubeObject> {
  const { kind } = scope
  if ((given.metadata.resourceVersion ?? '') !== '')
    throw badRequest('resourceVersion should not be set on objects to be created')
  const placed = placeInNamespace(scope, given)
  const attributes = createAttributes(scope, kind.setDefaults(placed))
  const admitted = (await parts.admission.mutate(attributes)) ?? placed
  const filled = fillSystemFields(parts, kind, admitted)
  const object = kind.setDefaults(kind.prepareForCreate(filled))
  const problems = [...metadataProblems(kind, object), ...kind.validate(object)]
  if (problems.length > 0)
    throw invalid({ group: kind.group, resource: kind.kind }, object.metadata.name ?? '', problems)
  await parts.admission.validate(createAttributes(scope, object))
  return object
}

function createAttributes(scope: WriteScope, object: KubeObject): Attributes {
  return {
    operation: 'CREATE',
    kind: scope.kind,
    subresource: scope.subresource,
    namespace: scope.namespace,
    name: object.metadata.name ?? '',
    user: scope.user,
    dryRun: scope.dryRun,
    object,
    oldObject: undefined,
  }
}

async function runCreateHook(parts: RegistryParts, scope: WriteScope, object: KubeObject): Promise<Prepared> {
  const hook = parts.hooks.get(hookKey(scope.kind))
  return hook?.beforeCreate ? await hook.beforeCreate(scope, object) : unprepared(object)
}

async function refuseTaken(parts: RegistryParts, scope: WriteScope, object: KubeObject): Promise<void> {
  const name = object.metadata.name ?? ''
  const found = await parts.storage.get(objectKey(scope.kind, scope.namespace, name))
  if (found) throw alreadyExists(scope.kind, name)
}

async function writeNew(
  parts: RegistryParts,
  scope: WriteScope,
  object: KubeObject,
): Promise<StoredObject | undefined> {
  const key = objectKey(scope.kind, scope.namespace, object.metadata.name ?? '')
  const value = encodeForStore(toStorage(object))
  const lease = await leaseOf(parts, scope)
  try {
    const result = await parts.storage.put(key, value, 0, lease)
    return result.outcome === 'written' ? result.object : undefined
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'lease-not-found') throw error
    parts.leases.forget(scope.kind.ttlSeconds ?? 0)
    const result = await parts.storage.put(key, value, 0, await leaseOf(parts, scope))
    return result.outcome === 'written' ? result.object : undefined
  }
}

/** The lease of kinds whose objects vanish by themselves. */
export async function leaseOf(
  parts: Pick<RegistryParts, 'leases'>,
  scope: Pick<WriteScope, 'kind'>,
): Promise<string | undefined> {
  const ttl = scope.kind.ttlSeconds
  return ttl === undefined ? undefined : await parts.leases.leaseFor(ttl)
}
