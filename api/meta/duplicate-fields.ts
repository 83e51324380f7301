/**
 * Finds fields that stand twice in one JSON object, which JSON.parse silently merges.
 *
 * The text must be valid JSON (it has been parsed already). Linear in its length.
 * Source: sigs.k8s.io/json strict decoding, for the form of the paths.
 */

interface Frame {
  readonly isObject: boolean
  readonly path: string
  readonly keys: Set<string>
  index: number
  key: string
  expectsKey: boolean
}

const text = /"(?:[^"\\]|\\.)*"|[{}[\],]/g

function childPath(frame: Frame | undefined): string {
  if (frame === undefined) return ''
  if (!frame.isObject) return `${frame.path}[${frame.index}]`
  return frame.path === '' ? frame.key : `${frame.path}.${frame.key}`
}

function readKey(frame: Frame, token: string, found: Set<string>): void {
  const key: unknown = JSON.parse(token)
  frame.key = String(key)
  frame.expectsKey = false
  if (frame.keys.has(frame.key)) found.add(childPath(frame))
  else frame.keys.add(frame.key)
}

/** The paths of fields that occur more than once, each once, in the order found. */
export function findDuplicateFields(json: string): readonly string[] {
  const found = new Set<string>()
  const frames: Frame[] = []
  for (const [token] of json.matchAll(text)) {
    const frame = frames.at(-1)
    if (token === '{' || token === '[') {
      const isObject = token === '{'
      const path = childPath(frame)
      frames.push({ isObject, path, keys: new Set(), index: 0, key: '', expectsKey: isObject })
    } else if (token === '}' || token === ']') frames.pop()
    else if (frame === undefined) continue
    else if (token === ',') {
      if (frame.isObject) frame.expectsKey = true
      else frame.index += 1
    } else if (frame.isObject && frame.expectsKey) readKey(frame, token, found)
  }
  return [...found]
}

/** True when objects and lists stand more than `max` deep in one another; reading them further would overflow. */
export function isNestedDeeper(json: string, max: number): boolean {
  // Each level costs at least an opening and a closing bracket.
  if (json.length < 2 * max) return false
  let depth = 0
  for (const [token] of json.matchAll(text)) {
    if (token === '{' || token === '[') depth += 1
    else if (token === '}' || token === ']') depth -= 1
    if (depth > max) return true
  }
  return false
}
