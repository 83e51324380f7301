/**
 * Continue tokens of paged lists: opaque to clients, pinned to one revision. The shape is upstream's
 * (`k8s.io/apiserver/pkg/storage/continue.go`), so a list begun at one replica goes on at another.
 */
export interface ContinueToken {
  /** Revision of the list's first page; -1: any (an inconsistent continuation after expiry). */
  readonly revision: number
  /** First key of the next page, below the list's prefix. */
  readonly start: string
}

const version = 'meta.k8s.io/v1'

export function encodeContinue(token: ContinueToken): string {
  const json = JSON.stringify({ v: version, rv: token.revision, start: token.start })
  return Buffer.from(json, 'utf8').toString('base64url')
}

/** Undefined when `text` is no token of ours. */
export function decodeContinue(text: string): ContinueToken | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (typeof value !== 'object' || value === null) return undefined
    const fields = new Map<string, unknown>(Object.entries(value))
    const revision = fields.get('rv')
    const start = fields.get('start')
    if (fields.get('v') !== version || typeof revision !== 'number' || typeof start !== 'string')
      return undefined
    if (start === '' || start.startsWith('/') || start.includes('../')) return undefined
    return { revision, start }
  } catch {
    return undefined
  }
}
