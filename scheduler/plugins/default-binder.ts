/** Binds a pod by POST to its `binding` subresource; the apiserver refuses a second binding. */
import type { Plugin } from '../framework/extension-points.ts'
import type { Handle } from '../framework/handle.ts'

export function defaultBinder(handle: Handle): Plugin {
  return {
    name: 'DefaultBinder',
    async bind(_state, pod, nodeName, signal) {
      await handle.api.bind(pod, nodeName, signal)
      return 'bound'
    },
  }
}
