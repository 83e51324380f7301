/** Resources that still work and tell whoever uses them what to use instead. */
import type { Kind } from '../../api/kind.ts'

const texts: Readonly<Record<string, string>> = {
  '/v1/componentstatuses': 'v1 ComponentStatus is deprecated in v1.19+',
  '/v1/endpoints': 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
}

/** The warning for a kind, or undefined. */
export function deprecationOf(kind: Pick<Kind, 'group' | 'version' | 'resource'>): string | undefined {
  const key = `${kind.group}/${kind.version}/${kind.resource}`
  return Object.hasOwn(texts, key) ? texts[key] : undefined
}
