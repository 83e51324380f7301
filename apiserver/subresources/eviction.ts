/**
 * POST pods/{name}/eviction: a deletion that asks the pod's disruption budgets first. The budget's
 * `disruptionsAllowed` is counted down by compare-and-swap before the pod is deleted, so two evictions
 * never use one allowance. Source: k8s.io/kubernetes pkg/registry/core/pod/storage/eviction.go.
 */
import { decode } from '../../api/meta/codec.ts'
import { labelSelectorFrom, matchesLabels } from '../../api/meta/selector.ts'
import {
  internalError,
  isNotFound,
  methodNotSupported,
  notFound,
  success,
  tooManyRequests,
} from '../../api/meta/status.ts'
import { trusted } from '../../api/meta/json.ts'
import type { KubeObject } from '../../api/kind.ts'
import { podDisruptionBudgets } from '../../api/policy/pod-disruption-budget.ts'
import { anyKind } from '../../api/meta/kind-definition.ts'
import type { Pod, PodDisruptionBudget } from '../../api/types.ts'
import { formatTime } from '../../platform/clock.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { readBody } from '../pipeline/read-body.ts'
import { deleteObject } from '../registry/deletion.ts'
import { updateObject } from '../registry/update.ts'
import { collectionPrefix, objectKey } from '../storage/keys.ts'
import { encodedResponse } from '../verbs/encode.ts'
import { encodeContext, type ResourceExchange } from '../verbs/resource-exchange.ts'
import { parseDeleteOptions } from '../verbs/write-options.ts'
import { writeCall } from '../verbs/write-scope.ts'

const encoder = new TextEncoder()
const retrySeconds = 10

/** @throws ApiError 404, 405, 409, 429 */
export async function serveEviction(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { kind, info, http } = request
  if (info.verb !== 'create') throw methodNotSupported(kind, info.verb)
  const context = encodeContext(parts, request)
  const body = await readBody(http.body)
  const expected = { group: 'policy', version: 'v1', kind: 'Eviction' }
  const eviction = decode(body, http.headers['content-type'] ?? '', expected).object
  const inner = encoder.encode(JSON.stringify(eviction['deleteOptions'] ?? {}))
  const { options, dryRun } = parseDeleteOptions(inner, 'application/json', info.query)
  const stored = await parts.storage.get(objectKey(kind, info.namespace, info.name))
  if (!stored) throw notFound(kind, info.name)
  const { scope } = writeCall(request, 'eviction')
  const isDryRun = dryRun || scope.dryRun
  if (needsBudget(trusted<Pod>(stored.object())))
    await spendBudgets(parts, request, stored.object(), isDryRun)
  await deleteObject(parts.registry, { ...scope, dryRun: isDryRun, subresource: '' }, info.name, options)
  return encodedResponse({ ...context.representation, as: 'none' }, 201, { ...success(), code: 201 })
}

/** Pods that serve nothing may go without asking. */
function needsBudget(pod: Pod): boolean {
  const phase = pod.status?.phase
  return (
    phase !== 'Succeeded' &&
    phase !== 'Failed' &&
    phase !== 'Pending' &&
    pod.metadata?.deletionTimestamp === undefined
  )
}

async function spendBudgets(
  parts: Parts,
  request: ResourceExchange,
  pod: KubeObject,
  dryRun: boolean,
): Promise<void> {
  const { storage, registry, powers } = parts
  const kind = anyKind(podDisruptionBudgets)
  const prefix = collectionPrefix(kind, request.info.namespace)
  const { objects } = await storage.list({ prefix })
  const budgets = objects
    .map((stored) => stored.object())
    .filter((budget) =>
      matchesLabels(
        labelSelectorFrom(trusted<PodDisruptionBudget>(budget).spec?.selector),
        pod.metadata.labels,
      ),
    )
  if (budgets.length === 0) return
  const [budget, ...more] = budgets
  if (!budget || more.length > 0)
    throw internalError(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    )
  const { scope } = writeCall(request, 'status')
  const name = budget.metadata.name ?? ''
  const nowText = formatTime(powers.clock.wallMs())
  try {
    await updateObject(registry, { ...scope, kind, dryRun }, name, {
      apply: (current) => spend(current, pod.metadata.name ?? '', nowText),
    })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** The budget with one allowance less. @throws ApiError 429 when none is left */
export function spend(budget: KubeObject, pod: string, nowText: string): KubeObject {
  const { status } = trusted<PodDisruptionBudget>(budget)
  const name = budget.metadata.name ?? ''
  const allowed = status?.disruptionsAllowed ?? 0
  const isStale = (status?.observedGeneration ?? 0) < (budget.metadata.generation ?? 0)
  if (isStale || allowed <= 0) {
    const message = isStale
      ? `The disruption budget ${name} is still being processed by the server.`
      : `The disruption budget ${name} needs ${status?.desiredHealthy ?? 0} healthy pods and has ${status?.currentHealthy ?? 0} currently`
    const error = tooManyRequests(
      retrySeconds,
      "Cannot evict pod as it would violate the pod's disruption budget.",
      [{ reason: 'DisruptionBudget', message }],
    )
    throw error
  }
  return trusted<KubeObject>({
    ...budget,
    status: {
      ...status,
      disruptionsAllowed: allowed - 1,
      disruptedPods: { ...status?.disruptedPods, [pod]: nowText },
    },
  })
}
