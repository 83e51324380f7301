/**
 * Deployment: looks, plans, does. Creating a ReplicaSet is idempotent because its name is the template's
 * hash; resizing one names its resourceVersion; so a stale cache costs a retry, never a second set.
 * Source: Kubernetes pkg/controller/deployment/deployment_controller.go.
 */
import { deployments } from '../../api/apps/deployment.ts'
import { replicaSets } from '../../api/apps/replica-set.ts'
import { isPodTerminal } from '../../api/core/pod-conditions.ts'
import { pods as podResource } from '../../api/core/pod.ts'
import { deepEqual } from '../../api/meta/json.ts'
import { controllerOf, isControlledBy } from '../../api/meta/owner.ts'
import { isEverything, labelSelectorFrom, matchesLabels } from '../../api/meta/selector.ts'
import { isAlreadyExists, isNamespaceTerminating } from '../../api/meta/status.ts'
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/types.ts'
import { keyOf, splitKey } from '../../client/index.ts'
import { messageOf, unreachable } from '../../platform/assert.ts'
import { addOwnerIndexes, candidatesFor, claim, controllerIndex } from '../framework/claim.ts'
import type { Controller, ControllerContext, ReconcileResult } from '../framework/controller.ts'
import { ignoreNotFound } from '../framework/errors.ts'
import { ownerKeyIn } from '../framework/pod-control.ts'
import { type DeploymentAction, type DeploymentPlan, isSameTemplate, sizeOf } from './draft.ts'
import { planDeployment } from './plan.ts'
import { hasProgressDeadline, withCondition } from './status.ts'

/** The controller. */
export const deploymentController: Controller = {
  name: 'deployment-controller',
  start: (context) => {
    const all = context.informer(deployments)
    const sets = context.informer(replicaSets)
    const pods = context.informer(podResource)
    addOwnerIndexes(sets)
    addOwnerIndexes(pods)
    const queue = context.reconciler('deployment', {
      reconcile: (key, signal) => reconcile(context, key, signal),
    })
    const enqueue = (deployment: Deployment) => queue.add(keyOf(deployment))
    all.onChange({ add: enqueue, update: (_, next) => enqueue(next), delete: enqueue })
    const ownerKey = ownerKeyIn(all, 'Deployment')
    const enqueueOwner = (set: ReplicaSet) => {
      const key = ownerKey(set)
      if (key !== undefined) queue.add(key)
      if (key !== undefined || controllerOf(set) !== undefined) return
      for (const deployment of all.list(set.metadata.namespace)) {
        if (matchesLabels(labelSelectorFrom(deployment.spec?.selector), set.metadata.labels))
          enqueue(deployment)
      }
    }
    sets.onChange({
      add: enqueueOwner,
      update: (previous, next) => {
        if (controllerOf(previous)?.uid !== controllerOf(next)?.uid) enqueueOwner(previous)
        enqueueOwner(next)
      },
      delete: enqueueOwner,
    })
    const setKey = ownerKeyIn(sets, 'ReplicaSet')
    pods.onChange({
      // Recreate waits until the last old pod is gone, and only this tells.
      delete: (pod) => {
        const key = setKey(pod)
        if (key === undefined) return
        const { namespace, name } = splitKey(key)
        const set = sets.get(namespace, name)
        if (set) enqueueOwner(set)
      },
    })
  },
}

async function reconcile(
  context: ControllerContext,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult | undefined> {
  const { namespace, name } = splitKey(key)
  const deployment = context.informer(deployments).get(namespace, name)
  if (!deployment) return undefined
  const selector = labelSelectorFrom(deployment.spec?.selector)
  if (isEverything(selector)) {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.'
    context.recorder('deployment-controller').event(deployment, 'Warning', 'SelectingAll', message)
    return undefined
  }
  const owned = await claim({
    client: context.client,
    owner: deployment,
    ownerResource: deployments,
    resource: replicaSets,
    selector,
    candidates: candidatesFor(context.informer(replicaSets), deployment),
    signal,
  })
  const pods = context.informer(podResource)
  const plan = planDeployment({
    deployment,
    replicaSets: owned,
    hasRunningPods: (uid) => pods.byIndex(controllerIndex, uid).some((pod) => !isPodTerminal(pod)),
    nowMs: context.nowMs(),
  })
  await carryOut({ context, deployment, signal }, plan)
  return { requeueAfterMs: plan.requeueAfterMs }
}

/** Sets first, then the status, then the Deployment's annotations, whose patch would outdate the status. */
async function carryOut(performing: Performing, plan: DeploymentPlan): Promise<void> {
  const { context, deployment, signal } = performing
  let status = plan.status
  let failure: unknown
  for (const action of plan.actions.filter(({ type }) => type !== 'annotate')) {
    try {
      status = (await perform(performing, action)) ?? status
    } catch (error) {
      failure = error
      if (action.type !== 'create-replica-set') throw error
      status = withCreateError(context, deployment, action.replicaSet, error)
      break
    }
  }
  if (!deepEqual(status, deployment.status ?? {})) {
    const resource = context.client.resource(deployments, deployment.metadata.namespace)
    await resource.updateStatus({ ...deployment, status }, { signal })
  }
  if (failure !== undefined && !isNamespaceTerminating(failure)) throw failure
  if (failure !== undefined) return
  for (const action of plan.actions) if (action.type === 'annotate') await perform(performing, action)
}

interface Performing {
  readonly context: ControllerContext
  readonly deployment: Deployment
  readonly signal: AbortSignal
}

/** Does one action; gives another status where the plan's is overtaken. */
async function perform(
  performing: Performing,
  action: DeploymentAction,
): Promise<DeploymentStatus | undefined> {
  const { context, deployment, signal } = performing
  const { namespace, name = '' } = deployment.metadata
  const sets = context.client.resource(replicaSets, namespace)
  switch (action.type) {
    case 'create-replica-set':
      return createSet(performing, action.replicaSet)
    case 'update-replica-set': {
      await sets.update(action.replicaSet, { signal })
      if (action.scaled) recordScale(context, deployment, action.replicaSet, action.scaled)
      return undefined
    }
    case 'delete-replica-set': {
      const { name: setName = '', uid } = action.replicaSet.metadata
      await ignoreNotFound(sets.delete(setName, { preconditions: { uid }, signal }))
      return undefined
    }
    case 'annotate': {
      const patch = { metadata: { uid: deployment.metadata.uid, annotations: action.annotations } }
      await ignoreNotFound(
        context.client.resource(deployments, namespace).patch(name, patch, { type: 'strategic', signal }),
      )
      return undefined
    }
    default:
      return unreachable(action)
  }
}

function recordScale(
  context: ControllerContext,
  deployment: Deployment,
  set: ReplicaSet,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  const direction = to > from ? 'up' : 'down'
  const message = `Scaled ${direction} replica set ${set.metadata.name} from ${from} to ${to}`
  context.recorder('deployment-controller').event(deployment, 'Normal', 'ScalingReplicaSet', message)
}

/** Creates the new set. One of that name with this owner and template is ours already; any other is a collision. */
async function createSet(
  { context, deployment, signal }: Performing,
  replicaSet: ReplicaSet,
): Promise<DeploymentStatus | undefined> {
  const sets = context.client.resource(replicaSets, deployment.metadata.namespace)
  try {
    await sets.create(replicaSet, { signal })
    if (sizeOf(replicaSet) > 0) {
      recordScale(context, deployment, replicaSet, { from: 0, to: sizeOf(replicaSet) })
    }
    return undefined
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
  const found = await sets.get(replicaSet.metadata.name ?? '', { signal })
  if (isControlledBy(found, deployment) && isSameTemplate(found.spec?.template, deployment.spec?.template)) {
    return undefined
  }
  const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
  context.powers.log.info('hash collision of a replica set', { name: found.metadata.name, collisionCount })
  return { ...deployment.status, collisionCount }
}

function withCreateError(
  context: ControllerContext,
  deployment: Deployment,
  set: ReplicaSet,
  error: unknown,
): DeploymentStatus {
  const status = deployment.status ?? {}
  if (!hasProgressDeadline(deployment)) return status
  const message = `Failed to create new replica set "${set.metadata.name}": ${messageOf(error)}`
  const nowMs = context.nowMs()
  return withCondition(status, {
    type: 'Progressing',
    status: 'False',
    reason: 'ReplicaSetCreateError',
    message,
    nowMs,
  })
}
