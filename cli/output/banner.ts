/** What `skedia up` says at the end: where everything is, what may be lost, what to type next. */
import {
  type ClusterFile,
  clusterPaths,
  processesOfKind,
  type RuntimeChoice,
} from '../cluster/cluster-file.ts'
import { endpointOf } from '../cluster/configuration.ts'
import { type OutputForm, paint } from './steps.ts'

/** The last object of `skedia up --json`, and all that the banner is made of. */
export interface ReadyEvent {
  readonly v: 1
  /** `degraded`: up, but without what `missing` names. */
  readonly type: 'ready' | 'degraded'
  readonly name: string
  readonly kubeconfig: string
  readonly endpoint: string
  readonly dir: string
  readonly runtime: RuntimeChoice
  readonly members: number
  readonly apiservers: readonly string[]
  readonly missing: readonly string[]
  /** Why, where a log says it. */
  readonly reasons: Readonly<Record<string, string>>
  readonly timedOut: boolean
  readonly readyMs: number
}

/** Puts the event together. */
export function readyEvent(running: {
  readonly cluster: ClusterFile
  readonly dir: string
  readonly readiness: { readonly missing: readonly string[]; readonly timedOut: boolean }
  readonly readyMs: number
  readonly reasons: Readonly<Record<string, string>>
}): ReadyEvent {
  const { cluster, dir, readiness, readyMs, reasons } = running
  return {
    v: 1,
    type: readiness.missing.length === 0 && !readiness.timedOut ? 'ready' : 'degraded',
    name: cluster.name,
    kubeconfig: clusterPaths(dir).kubeconfig,
    endpoint: endpointOf(cluster),
    dir,
    runtime: cluster.runtime,
    members: cluster.shape.members,
    apiservers: processesOfKind(cluster, 'apiserver').map((spec) => spec.name),
    missing: readiness.missing,
    reasons,
    timedOut: readiness.timedOut,
    readyMs,
  }
}

/** The banner as text, or the event as one line of JSON. */
export function renderBanner(form: OutputForm, event: ReadyEvent): string {
  return form === 'json' ? `${JSON.stringify(event)}\n` : bannerText(form, event)
}

function bannerText(form: OutputForm, event: ReadyEvent): string {
  const strong = (text: string) => (form === 'colour' ? paint('bold', text) : text)
  const flag = event.name === 'skedia' ? '' : ` --name ${event.name}`
  const missing = event.missing.map((name) =>
    row(
      form === 'colour' ? paint('red', 'Missing') : 'Missing',
      `${name}: ${event.reasons[name] ?? `skedia logs ${name}${flag}`}`,
    ),
  )
  const lines = [
    '',
    row('Kubernetes', `${event.endpoint}  → ${event.apiservers.join(' ')}`),
    row('Kubeconfig', event.kubeconfig),
    row('Data', `${event.dir}, kept when you stop`),
    row('Pods', podsText(event.runtime)),
    row('Tolerates', `losing ${tolerated(event)} of ${event.members} members`),
    ...missing,
    row(
      event.type === 'ready' ? 'Ready in' : 'Not ready in',
      strong(`${(event.readyMs / 1000).toFixed(1)} s`),
    ),
    '',
    `   ${strong(`export KUBECONFIG=${quoted(event.kubeconfig)}`)}`,
    `   kubectl get nodes · skedia status${flag} · skedia kill leader${flag} · skedia down${flag}`,
    '',
  ]
  return `${lines.join('\n')}\n`
}

/** Fit for a shell. */
function quoted(path: string): string {
  return /^[\w./~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}

/** A member that is missing is one that may not be lost any more. */
function tolerated(event: ReadyEvent): number {
  const missing = event.missing.filter((name) => /^m\d+$/.test(name)).length
  return Math.max(0, Math.floor((event.members - 1) / 2) - missing)
}

function row(label: string, text: string): string {
  return `   ${label.padEnd(13)} ${text}`
}

function podsText(runtime: RuntimeChoice): string {
  if (runtime.kind === 'runc') return 'real containers (runc), one network namespace per node'
  return `SIMULATED by the fake runtime: no container runs (${runtime.reason ?? 'asked for'})`
}
