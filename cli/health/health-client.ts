/** Asks the health endpoints of a cluster's processes. Silence within the time given is an answer too. */
import type { Clock } from '../../platform/clock.ts'
import { formatAddress, type HttpClient } from '../../platform/network.ts'
import { portOf, type ProcessSpec } from '../cluster/cluster-file.ts'
import type { HealthStatus } from './health-server.ts'
import { fetchText } from './http-text.ts'

/** A paused process does not answer: nobody waits for it longer than this. */
export const healthTimeoutMs = 400

/** The process's own word; undefined when it does not answer. */
export async function askHealth(
  powers: { readonly clock: Clock },
  client: HttpClient,
  spec: ProcessSpec,
): Promise<HealthStatus | undefined> {
  try {
    const { status, text } = await fetchText(powers, client, {
      url: `${healthUrl(spec)}/status`,
      timeoutMs: healthTimeoutMs,
    })
    if (status !== 200) return undefined
    const parsed: unknown = JSON.parse(text)
    return isHealthStatus(parsed) ? parsed : undefined
  } catch {
    return undefined // refused, reset or silent: it does not answer
  }
}

/** `POST /<action>` with the cluster's fault token. False when it was not done. */
export async function actOn(
  powers: { readonly clock: Clock },
  client: HttpClient,
  options: { readonly spec: ProcessSpec; readonly action: string; readonly token: string },
): Promise<boolean> {
  try {
    const { status } = await fetchText(powers, client, {
      method: 'POST',
      url: `${healthUrl(options.spec)}/${options.action}`,
      headers: { authorization: `Bearer ${options.token}` },
      timeoutMs: 2_000,
    })
    return status === 200
  } catch {
    return false // it does not answer: nothing was cut or healed
  }
}

function healthUrl(spec: ProcessSpec): string {
  return `http://${formatAddress({ host: spec.host, port: portOf(spec, 'health') })}`
}

function isHealthStatus(value: unknown): value is HealthStatus {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'ready' in value &&
    typeof value.ready === 'boolean'
  )
}
