/** A CertificateSigningRequest says who asked: its identity fields are the request's user, not the body's. */
import { asObject } from '../storage/parse.ts'
import { type ResourceHook, unprepared } from './hooks.ts'

export function certificateSigningRequestHook(): ResourceHook {
  return {
    async beforeCreate(scope, object) {
      const { user } = scope
      const spec = {
        ...Object.fromEntries(Object.entries(object['spec'] ?? {})),
        username: user.name,
        uid: user.uid,
        groups: user.groups,
        extra: user.extra,
      }
      return unprepared(asObject({ ...object, spec }))
    },
  }
}
