/** The objects that tokens are bound to, read from the store. */
import { nodes } from '../../api/core/node.ts'
import { pods } from '../../api/core/pod.ts'
import { secrets } from '../../api/core/secret.ts'
import { serviceAccounts } from '../../api/core/service-account.ts'
import { objectKey } from '../storage/keys.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import type { BoundObjects } from './service-account-tokens.ts'

const kinds = { ServiceAccount: serviceAccounts, Pod: pods, Secret: secrets, Node: nodes } as const

/** Linearizable look-ups: a deleted ServiceAccount's tokens end with the remembered verdict. */
export function storedBoundObjects(storage: ObjectStorage): BoundObjects {
  return {
    async get(kind, namespace, name) {
      if (name === '') return undefined
      const stored = await storage.get(objectKey(kinds[kind], namespace, name))
      return stored?.object()
    },
  }
}
