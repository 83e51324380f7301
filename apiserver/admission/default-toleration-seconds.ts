/**
 * DefaultTolerationSeconds: a pod stays five minutes on a node that is not ready or unreachable, unless
 * it says otherwise. Source: k8s.io/kubernetes plugin/pkg/admission/defaulttolerationseconds.
 */
import { trusted } from '../../api/meta/json.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Pod, Toleration } from '../../api/types.ts'
import { type AdmissionPlugin, isCore } from './plugin.ts'

const tolerationSeconds = 300
const keys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const

export function defaultTolerationSeconds(): AdmissionPlugin {
  return {
    name: 'DefaultTolerationSeconds',
    async mutate(attributes, object) {
      const isPod = isCore(attributes, 'pods') && attributes.subresource === ''
      return isPod && attributes.operation === 'CREATE' ? withTolerations(object) : object
    },
  }
}

function withTolerations(object: KubeObject): KubeObject {
  const pod = trusted<Pod>(object)
  const present = pod.spec?.tolerations ?? []
  const missing = keys.filter((key) => !present.some((toleration) => covers(toleration, key)))
  if (missing.length === 0) return object
  const added = missing.map((key) => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds,
  }))
  return trusted<KubeObject>({ ...pod, spec: { ...pod.spec, tolerations: [...present, ...added] } })
}

function covers(toleration: Toleration, key: string): boolean {
  const isKey = !toleration.key || toleration.key === key
  return isKey && (!toleration.effect || toleration.effect === 'NoExecute')
}
