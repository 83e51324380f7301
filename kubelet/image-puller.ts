/** Makes a container's image present, by its pull policy, and says what happened. */
import { secrets } from '../api/core/secret.ts'
import { isNotFound } from '../api/meta/status.ts'
import type { Container, ObjectReference, Pod } from '../api/types.ts'
import { messageOf } from '../platform/assert.ts'
import { type Image, ImageError, type RegistryCredentials } from './images/image-service.ts'
import { parseReference } from './images/reference.ts'
import { localRegistry } from './images/registry.ts'
import type { Waiting } from './pod-model.ts'
import type { WorkerContext } from './worker-context.ts'

export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never'

/** What to do for an image. Pure. */
export function pullDecision(
  policy: PullPolicy,
  registry: string,
  isPresent: boolean,
): 'use' | 'pull' | 'refuse' {
  if (policy === 'Never') return isPresent ? 'use' : 'refuse'
  // No registry stands behind this name, so what was loaded is the newest there is.
  if (registry === localRegistry && isPresent) return 'use'
  return policy === 'IfNotPresent' && isPresent ? 'use' : 'pull'
}

/** The policy, with Kubernetes' default: `:latest` is always pulled. */
export function pullPolicyOf(container: Container): PullPolicy {
  const { imagePullPolicy: policy } = container
  if (policy === 'Always' || policy === 'Never' || policy === 'IfNotPresent') return policy
  const { tag } = parseReference(container.image ?? '')
  return tag === 'latest' ? 'Always' : 'IfNotPresent'
}

/** Gives the image, or why the container waits. Records events. */
export async function ensureImage(
  context: WorkerContext,
  options: {
    readonly pod: Pod
    readonly container: Container
    readonly reference: ObjectReference
    readonly signal: AbortSignal
  },
): Promise<{ readonly image: Image } | { readonly waiting: Waiting }> {
  const { container, pod, reference, signal } = options
  const name = container.image ?? ''
  const { events, host, powers } = context
  try {
    const present = await host.images.find(name)
    const decision = pullDecision(
      pullPolicyOf(container),
      parseReference(name).registry,
      present !== undefined,
    )
    if (decision === 'refuse') {
      throw new ImageError(
        'ErrImageNeverPull',
        `Container image "${name}" is not present with pull policy of Never`,
      )
    }
    if (decision === 'use' && present !== undefined) {
      events.eventFor(reference, 'Normal', 'Pulled', `Container image "${name}" already present on machine`)
      return { image: present }
    }
    events.eventFor(reference, 'Normal', 'Pulling', `Pulling image "${name}"`)
    const startedMs = powers.clock.monotonicMs()
    const image = await host.images.pull(name, {
      credentials: await credentialsFor(context, pod, name, signal),
      signal,
    })
    const took = ((powers.clock.monotonicMs() - startedMs) / 1000).toFixed(3)
    events.eventFor(
      reference,
      'Normal',
      'Pulled',
      `Successfully pulled image "${name}" in ${took}s. Image size: ${image.sizeBytes} bytes.`,
    )
    return { image }
  } catch (error) {
    if (signal.aborted) throw error
    const reason = error instanceof ImageError ? error.reason : 'ErrImagePull'
    const message = messageOf(error)
    const isName = reason === 'InvalidImageName' || reason === 'ErrImageNeverPull'
    events.eventFor(
      reference,
      'Warning',
      isName ? reason : 'Failed',
      isName ? message : `Failed to pull image "${name}": ${message}`,
    )
    events.eventFor(reference, 'Warning', 'Failed', `Error: ${reason}`)
    return { waiting: { reason, message } }
  }
}

/** The login for the image's registry from the pod's imagePullSecrets, when one fits. */
async function credentialsFor(
  context: WorkerContext,
  pod: Pod,
  image: string,
  signal: AbortSignal,
): Promise<RegistryCredentials | undefined> {
  const { registry } = parseReference(image)
  for (const { name } of pod.spec?.imagePullSecrets ?? []) {
    if (!name) continue
    try {
      const secret = await context.client.resource(secrets, pod.metadata.namespace).get(name, { signal })
      const found = credentialsIn(secret.data?.['.dockerconfigjson'], registry)
      if (found !== undefined) return found
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
  return undefined
}

/** Reads a `.dockerconfigjson` (base64). */
export function credentialsIn(data: string | undefined, registry: string): RegistryCredentials | undefined {
  if (data === undefined) return undefined
  const parsed = JSON.parse(atob(data)) as {
    auths?: Record<string, { auth?: string; username?: string; password?: string }>
  } // unsafe: fields are looked at below
  for (const [place, login] of Object.entries(parsed.auths ?? {})) {
    const host = place.replace(/^https?:\/\//, '').split('/')[0]
    if (host !== registry && !(registry === 'docker.io' && host === 'index.docker.io')) continue
    if (login.username !== undefined && login.password !== undefined)
      return { username: login.username, password: login.password }
    const decoded = atob(login.auth ?? '')
    const colon = decoded.indexOf(':')
    if (colon > 0) return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
  }
  return undefined
}
