/**
 * Endpoints and EndpointSlices follow Services and pods. Two controllers, as upstream has them; they watch
 * the same things and differ in what they write.
 */
import { endpoints } from '../../api/core/endpoints.ts'
import { nodes } from '../../api/core/node.ts'
import { pods as podResource } from '../../api/core/pod.ts'
import { services } from '../../api/core/service.ts'
import { endpointSlices } from '../../api/discovery/endpoint-slice.ts'
import { serviceNameLabel } from '../../api/meta/labels.ts'
import { matchesLabels, selectorFromLabels } from '../../api/meta/selector.ts'
import type { EndpointSlice, Pod, Service } from '../../api/types.ts'
import { keyOf, objectKey, splitKey, type WorkQueue } from '../../client/index.ts'
import type { Controller, ControllerContext } from '../framework/controller.ts'
import { ignoreNotFound } from '../framework/errors.ts'
import { createOnce } from '../service-account.ts'
import { planEndpoints } from './endpoints-plan.ts'
import { managedBy, managedByLabel, planSlices } from './slice-plan.ts'

const serviceIndex = 'service-name'

/** The controller of EndpointSlices. */
export const endpointSliceController: Controller = {
  name: 'endpointslice-controller',
  start: (context) => {
    const slices = context.informer(endpointSlices)
    slices.addIndex(serviceIndex, (slice) => {
      const name = ownService(slice)
      return name === undefined ? [] : [name]
    })
    const queue = context.reconciler('endpointslice', {
      reconcile: (key, signal) => reconcileSlices(context, key, signal),
    })
    watchBackends(context, queue)
    const look = (slice: EndpointSlice) => {
      const name = ownService(slice)
      if (name !== undefined) queue.add(name)
    }
    slices.onChange({ add: look, update: (_, slice) => look(slice), delete: look })
    context.informer(nodes)
  },
}

/** The controller of Endpoints. */
export const endpointsController: Controller = {
  name: 'endpoints-controller',
  start: (context) => {
    const queue = context.reconciler('endpoints', {
      reconcile: (key, signal) => reconcileEndpoints(context, key, signal),
    })
    watchBackends(context, queue)
    const all = context.informer(services)
    context.informer(endpoints).onChange({
      add: (object) => {
        if (all.get(object.metadata.namespace, object.metadata.name ?? '')?.spec?.selector)
          queue.add(keyOf(object))
      },
      update: (_, object) => queue.add(keyOf(object)),
      delete: (object) => queue.add(keyOf(object)),
    })
  },
}

/** The key of the Service whose slice this controller manages. */
function ownService({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[serviceNameLabel]
  if (name === undefined || metadata.labels?.[managedByLabel] !== managedBy) return undefined
  return objectKey(metadata.namespace, name)
}

/** Enqueues a Service when it or a pod that it selects (or selected) changes. */
function watchBackends(context: ControllerContext, queue: WorkQueue): void {
  const all = context.informer(services)
  all.onChange({
    add: (service) => queue.add(keyOf(service)),
    update: (_, service) => queue.add(keyOf(service)),
    delete: (service) => queue.add(keyOf(service)),
  })
  const look = (pod: Pod) => {
    for (const service of all.list(pod.metadata.namespace))
      if (selects(service, pod)) queue.add(keyOf(service))
  }
  context.informer(podResource).onChange({
    add: look,
    update: (previous, next) => {
      if (previous.metadata.labels !== next.metadata.labels) look(previous)
      look(next)
    },
    delete: look,
  })
}

function selects(service: Service, pod: Pod): boolean {
  const selector = service.spec?.selector
  if (!selector || Object.keys(selector).length === 0) return false
  return matchesLabels(selectorFromLabels(selector), pod.metadata.labels)
}

/** The Service if its endpoints are ours to keep: it selects pods and names no other host. */
function keptService(context: ControllerContext, key: string): Service | undefined {
  const { namespace, name } = splitKey(key)
  const service = context.informer(services).get(namespace, name)
  if (!service || service.spec?.type === 'ExternalName' || service.metadata.deletionTimestamp)
    return undefined
  return Object.keys(service.spec?.selector ?? {}).length > 0 ? service : undefined
}

function backendsOf(context: ControllerContext, service: Service): readonly Pod[] {
  const pods = context.informer(podResource).list(service.metadata.namespace)
  return pods.filter((pod) => selects(service, pod))
}

async function reconcileSlices(context: ControllerContext, key: string, signal: AbortSignal): Promise<void> {
  const service = keptService(context, key)
  // A Service that is gone takes its slices along through the garbage collector.
  if (!service) return
  const plan = planSlices({
    service,
    pods: backendsOf(context, service),
    slices: context.informer(endpointSlices).byIndex(serviceIndex, key),
    node: (name) => context.informer(nodes).get(undefined, name),
  })
  const resource = context.client.resource(endpointSlices, service.metadata.namespace)
  for (const slice of plan.create) await resource.create(slice, { signal })
  for (const slice of plan.update) await resource.update(slice, { signal })
  for (const { metadata } of plan.delete) {
    const preconditions = { uid: metadata.uid }
    await ignoreNotFound(resource.delete(metadata.name ?? '', { preconditions, signal }))
  }
}

async function reconcileEndpoints(
  context: ControllerContext,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name } = splitKey(key)
  const resource = context.client.resource(endpoints, namespace)
  const existing = context.informer(endpoints).get(namespace, name)
  const service = keptService(context, key)
  if (!service) {
    // Endpoints have no owner reference: they go with their Service here.
    const isServiceGone = !context.informer(services).get(namespace, name)
    if (!existing || !isServiceGone) return
    if (await ignoreNotFound(context.client.resource(services, namespace).get(name, { signal }))) return
    const preconditions = { uid: existing.metadata.uid }
    await ignoreNotFound(resource.delete(name, { preconditions, signal }))
    return
  }
  const wanted = planEndpoints(service, backendsOf(context, service), existing)
  if (!wanted) return
  if (existing) await ignoreNotFound(resource.update(wanted, { signal }))
  else await createOnce(resource.create(wanted, { signal }))
}
