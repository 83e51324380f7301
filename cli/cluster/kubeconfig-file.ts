/** Kubeconfig files as text, in the shape that kubectl writes (client-go `clientcmd/api/v1`). */
export interface KubeconfigWish {
  /** Names cluster, user and context. */
  readonly name: string
  readonly server: string
  /** PEM texts, embedded; or absolute paths, referred to. */
  readonly credentials:
    | { readonly type: 'embedded'; readonly ca: string; readonly certificate: string; readonly key: string }
    | { readonly type: 'files'; readonly ca: string; readonly certificate: string; readonly key: string }
}

/** The file's text: YAML for people; `json` for components, which then need no YAML library to start. */
export function kubeconfigText(wish: KubeconfigWish, form: 'yaml' | 'json' = 'yaml'): string {
  return form === 'json' ? `${JSON.stringify(kubeconfigObject(wish), undefined, 2)}\n` : kubeconfigYaml(wish)
}

function kubeconfigObject({ name, server, credentials }: KubeconfigWish) {
  const field = (key: string, value: string) =>
    credentials.type === 'embedded' ? { [`${key}-data`]: encodeBase64(value) } : { [key]: value }
  const user = {
    ...field('client-certificate', credentials.certificate),
    ...field('client-key', credentials.key),
  }
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server, ...field('certificate-authority', credentials.ca) } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  }
}

/** JSON strings are YAML strings, so any path is safe. */
function kubeconfigYaml(wish: KubeconfigWish): string {
  const { clusters, users, contexts } = kubeconfigObject(wish)
  const fields = (object: object, indent: string) =>
    Object.entries(object)
      .map(([key, value]) => `${indent}${key}: ${plain(String(value))}\n`)
      .join('')
  const list = (
    name: string,
    body: string,
    entries: readonly { readonly name: string; readonly [body: string]: unknown }[],
  ) =>
    `${name}:\n${entries.map((entry) => `- name: ${entry.name}\n  ${body}:\n${fields(Object(entry[body]), '    ')}`).join('')}`
  return [
    `apiVersion: v1\nkind: Config\ncurrent-context: ${wish.name}\n`,
    list('clusters', 'cluster', clusters),
    list('users', 'user', users),
    list('contexts', 'context', contexts),
  ].join('')
}

/** Names, addresses and base64 need no quotes; anything else gets them. */
function plain(value: string): string {
  return /^[\w./+=:-]+$/.test(value) && !value.endsWith(':') ? value : JSON.stringify(value)
}

/** Base64 of a text's UTF-8 bytes (RFC 4648, with padding). */
function encodeBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}
