/**
 * Admission: after authorization, before the registry. Mutating plugins give changed objects in a fixed
 * order, validating ones refuse. Nothing here may write, except through what the registry offers.
 * Order: upstream's `kubeapiserver/options/plugins.go`.
 */
import type { Kind, KubeObject } from '../../api/kind.ts'
import type { User } from '../authn/user.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

/** What a plugin is asked about. */
export interface Attributes {
  readonly operation: Operation
  readonly kind: Kind
  /** '' for the object itself. */
  readonly subresource: string
  readonly namespace: string
  /** '' while a name is still to be generated. */
  readonly name: string
  readonly user: User
  readonly dryRun: boolean
  /** The object as it is to be; undefined for DELETE. */
  readonly object: KubeObject | undefined
  /** The object as it is; undefined for CREATE. */
  readonly oldObject: KubeObject | undefined
}

export interface AdmissionPlugin {
  readonly name: string
  /** The object, changed or not. Only called with an object. @throws ApiError to refuse */
  readonly mutate?: (attributes: Attributes, object: KubeObject) => Promise<KubeObject>
  /** @throws ApiError to refuse */
  readonly validate?: (attributes: Attributes) => Promise<void>
}

/** The chain as the registry sees it. */
export interface Admission {
  mutate(attributes: Attributes): Promise<KubeObject | undefined>
  validate(attributes: Attributes): Promise<void>
}

/** Runs plugins in order. */
export function admissionChain(plugins: readonly AdmissionPlugin[]): Admission {
  return {
    async mutate(attributes) {
      let object = attributes.object
      for (const plugin of plugins) {
        if (object && plugin.mutate) object = await plugin.mutate({ ...attributes, object }, object)
      }
      return object
    },
    async validate(attributes) {
      for (const plugin of plugins) await plugin.validate?.(attributes)
    },
  }
}

/** True for the object itself of a resource in the core group. */
export function isCore(attributes: Attributes, resource: string): boolean {
  const { kind } = attributes
  return kind.group === '' && kind.resource === resource
}
