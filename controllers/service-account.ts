/**
 * ServiceAccount: every active namespace has the account `default`, which pods run as unless they say
 * otherwise. Source: Kubernetes pkg/controller/serviceaccount/serviceaccounts_controller.go.
 */
import { namespaces } from '../api/core/namespace.ts'
import { serviceAccounts } from '../api/core/service-account.ts'
import { isAlreadyExists, isNamespaceTerminating } from '../api/meta/status.ts'
import type { Namespace } from '../api/types.ts'
import { keyOf } from '../client/index.ts'
import type { Controller, ControllerContext } from './framework/controller.ts'
import { ignoreNotFound } from './framework/errors.ts'

const accountName = 'default'

/** Takes objects. */
export function isActiveNamespace(namespace: Namespace | undefined): namespace is Namespace {
  return namespace !== undefined && namespace.metadata.deletionTimestamp === undefined
}

/** Runs a create that is done when it is done by another, or when its namespace is going away. */
export async function createOnce(create: Promise<unknown>): Promise<void> {
  try {
    await ignoreNotFound(create)
  } catch (error) {
    if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error
  }
}

/** The controller. */
export const serviceAccountController: Controller = {
  name: 'serviceaccount-controller',
  start: (context) => {
    const all = context.informer(namespaces)
    const accounts = context.informer(serviceAccounts)
    const queue = context.reconciler('serviceaccount', {
      reconcile: (name, signal) => reconcile(context, name, signal),
    })
    all.onChange({
      add: (namespace) => queue.add(keyOf(namespace)),
      update: (_, namespace) => queue.add(keyOf(namespace)),
    })
    accounts.onChange({
      delete: ({ metadata }) => {
        if (metadata.name === accountName) queue.add(metadata.namespace ?? '')
      },
    })
  },
}

async function reconcile(context: ControllerContext, namespace: string, signal: AbortSignal): Promise<void> {
  if (!isActiveNamespace(context.informer(namespaces).get(undefined, namespace))) return
  if (context.informer(serviceAccounts).get(namespace, accountName)) return
  await createOnce(
    context.client
      .resource(serviceAccounts, namespace)
      .create(
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: accountName, namespace } },
        { signal },
      ),
  )
}
