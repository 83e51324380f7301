/**
 * kubeconfig: read the current context, write a small one. Credentials as data, as files, or a bearer
 * token; exec and auth-provider plugins are refused with a clear error.
 *
 * A kubeconfig may be JSON, which is YAML too: then the YAML library is never loaded, and a component
 * starts that much sooner.
 *
 * Source: Kubernetes docs, "Organizing Cluster Access Using kubeconfig Files".
 */
import type { TlsIdentity } from '../platform/network.ts'

/** What a client needs from a kubeconfig. */
export interface KubeconfigContext {
  readonly contextName: string
  readonly clusterName: string
  readonly userName: string
  readonly namespace: string
  readonly server: string
  readonly tls: Partial<TlsIdentity>
  readonly token?: string | undefined
}

/** The text is no kubeconfig, or lacks something. The message says what and where. */
export class KubeconfigError extends Error {
  readonly code = 'E_KUBECONFIG'
  constructor(message: string) {
    super(`kubeconfig: ${message}`)
    this.name = 'KubeconfigError'
  }
}

export interface ParseKubeconfigOptions {
  /** Instead of `current-context`. */
  readonly context?: string | undefined
  /** Reads the files that `certificate-authority`, `client-certificate`, `client-key`, `tokenFile` name. */
  readonly readFile?: ((path: string) => string) | undefined
}

type Fields = Readonly<Record<string, unknown>>

/** @throws KubeconfigError */
export async function parseKubeconfig(
  text: string,
  options: ParseKubeconfigOptions = {},
): Promise<KubeconfigContext> {
  const root = fieldsOf(await parseText(text), 'the file')
  const contextName = options.context ?? textOf(root, 'current-context')
  if (!contextName) throw new KubeconfigError('current-context is not set; set it or name a context')
  const context = entry(root, 'contexts', 'context', contextName)
  const clusterName = textOf(context, 'cluster') ?? ''
  const userName = textOf(context, 'user') ?? ''
  const cluster = entry(root, 'clusters', 'cluster', clusterName)
  const user = userName === '' ? {} : entry(root, 'users', 'user', userName)
  const server = textOf(cluster, 'server')
  if (!server) throw new KubeconfigError(`cluster "${clusterName}" has no server`)
  for (const plugin of ['exec', 'auth-provider']) {
    if (user[plugin] === undefined) continue
    throw new KubeconfigError(
      `user "${userName}" uses ${plugin}, which is not supported; give a client certificate or token`,
    )
  }
  const read = (fields: Fields, field: string) => credential(fields, field, options.readFile)
  const tokenFile = textOf(user, 'tokenFile')
  return {
    contextName,
    clusterName,
    userName,
    namespace: textOf(context, 'namespace') ?? 'default',
    server,
    tls: {
      ...optional('certificateAuthority', read(cluster, 'certificate-authority')),
      ...optional('certificate', read(user, 'client-certificate')),
      ...optional('privateKey', read(user, 'client-key')),
    },
    token: textOf(user, 'token') ?? (tokenFile ? options.readFile?.(tokenFile).trim() : undefined),
  }
}

export interface FormatKubeconfigOptions {
  readonly clusterName: string
  readonly userName: string
  readonly server: string
  readonly tls: Partial<TlsIdentity>
  readonly token?: string | undefined
  readonly namespace?: string | undefined
}

/** One cluster, one user, one context named as the cluster; credentials as data. */
export async function formatKubeconfig(options: FormatKubeconfigOptions): Promise<string> {
  const { stringify } = await import('yaml')
  const { clusterName, userName, server, tls, token, namespace } = options
  const data = (field: string, pem: string | undefined) =>
    pem === undefined ? {} : { [`${field}-data`]: encode(pem) }
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: clusterName, cluster: { server, ...data('certificate-authority', tls.certificateAuthority) } },
    ],
    users: [
      {
        name: userName,
        user: {
          ...data('client-certificate', tls.certificate),
          ...data('client-key', tls.privateKey),
          ...optional('token', token),
        },
      },
    ],
    contexts: [
      {
        name: clusterName,
        context: { cluster: clusterName, user: userName, ...optional('namespace', namespace) },
      },
    ],
    'current-context': clusterName,
  })
}

async function parseText(text: string): Promise<unknown> {
  if (text.trimStart().startsWith('{')) {
    try {
      return JSON.parse(text)
    } catch {
      // YAML has braces too
    }
  }
  const { parse } = await import('yaml')
  try {
    return parse(text)
  } catch (error) {
    throw new KubeconfigError(`not YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.fromEntries(Object.entries(value))
  throw new KubeconfigError(`${what} must be a mapping`)
}

function textOf(fields: Fields, field: string): string | undefined {
  const value = fields[field]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw new KubeconfigError(`${field} must be a text, found ${typeof value}`)
  return value
}

/** The body of the entry called `name` in a named list. */
function entry(root: Fields, list: string, body: string, name: string): Fields {
  const entries: unknown = root[list]
  const found = (Array.isArray(entries) ? entries : [])
    .map((candidate: unknown) => fieldsOf(candidate, `each of ${list}`))
    .find((candidate) => candidate.name === name)
  if (!found) throw new KubeconfigError(`${body} "${name}" is not among ${list}`)
  return fieldsOf(found[body] ?? {}, `${body} "${name}"`)
}

/** `<field>-data` decoded, else the file that `<field>` names. */
function credential(
  fields: Fields,
  field: string,
  readFile: ((path: string) => string) | undefined,
): string | undefined {
  const data = textOf(fields, `${field}-data`)
  if (data !== undefined) return decode(data, field)
  const path = textOf(fields, field)
  if (path === undefined) return undefined
  if (!readFile)
    throw new KubeconfigError(
      `${field} names the file ${path}, but files cannot be read here; embed it as ${field}-data`,
    )
  return readFile(path)
}

function decode(base64: string, field: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)))
  } catch {
    throw new KubeconfigError(`${field}-data is not base64`)
  }
}

function encode(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''))
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  const result: { [P in K]?: string } = {}
  if (value !== undefined) result[key] = value
  return result
}
