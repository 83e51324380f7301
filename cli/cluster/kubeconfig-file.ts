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

/** The file's text. JSON strings are YAML strings, so any path is safe. */
export function kubeconfigText(wish: KubeconfigWish): string {
  const { credentials } = wish
  const isEmbedded = credentials.type === 'embedded'
  const field = (name: string, value: string) =>
    isEmbedded ? `${name}-data: ${encodeBase64(value)}` : `${name}: ${JSON.stringify(value)}`
  return `apiVersion: v1
kind: Config
current-context: ${wish.name}
clusters:
- name: ${wish.name}
  cluster:
    server: ${wish.server}
    ${field('certificate-authority', credentials.ca)}
users:
- name: ${wish.name}
  user:
    ${field('client-certificate', credentials.certificate)}
    ${field('client-key', credentials.key)}
contexts:
- name: ${wish.name}
  context:
    cluster: ${wish.name}
    user: ${wish.name}
`
}

/** Base64 of a text's UTF-8 bytes (RFC 4648, with padding). */
function encodeBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}
