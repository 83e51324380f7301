/**
 * An object as it lies in the store and in the watch cache: bytes first. Most requests only move bytes, so
 * decoding and encoding happen when somebody needs them and at most once per revision.
 *
 * Invariant: stored JSON begins with `{"apiVersion":…,"kind":…,"metadata":{` and holds no
 * resourceVersion; the store's modRevision is the resourceVersion, spliced in behind that beginning.
 */
import type { KubeObject } from '../../api/kind.ts'
import { parseObject } from './parse.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const headBytesMax = 256
const canonicalHead = /^\{"apiVersion":"([^"\\]*)","kind":"([^"\\]*)","metadata":\{(?=")/

/** JSON bytes for the store: canonical head, no resourceVersion. */
export function encodeForStore(object: KubeObject): Uint8Array {
  const { apiVersion, kind, metadata, ...rest } = object
  const { resourceVersion: _resourceVersion, selfLink: _selfLink, ...meta } = metadata
  return encoder.encode(JSON.stringify({ apiVersion, kind, metadata: meta, ...rest }))
}

/** One revision of one object. Immutable; what `object()` gives is shared and must not be changed. */
export class StoredObject {
  readonly key: string
  /** The store's modRevision, or for a deletion the revision that deleted it. */
  readonly revision: number
  readonly value: Uint8Array
  #object: KubeObject | undefined
  #apiVersion: string | undefined

  constructor(key: string, revision: number, value: Uint8Array, object?: KubeObject) {
    this.key = key
    this.revision = revision
    this.value = value
    this.#object = object
  }

  get resourceVersion(): string {
    return String(this.revision)
  }

  /** The decoded object with its resourceVersion. @throws SyntaxError on bytes that are no object */
  object(): KubeObject {
    this.#object ??= withResourceVersion(decodeValue(this.value), this.revision)
    return this.#object
  }

  /** The version the bytes are in, without decoding them where the head is canonical. */
  get apiVersion(): string {
    this.#apiVersion ??= this.#head()?.[1] ?? this.object().apiVersion
    return this.#apiVersion
  }

  /** JSON with the resourceVersion, made anew each time: a copy costs less than keeping it. */
  json(): Uint8Array {
    return this.#splice() ?? encoder.encode(JSON.stringify(this.object()))
  }

  /** Lets go of the decoded form; the next `object()` decodes again. */
  forget(): void {
    this.#object = undefined
  }

  /** The same state at a later revision: what a DELETED event carries. */
  at(revision: number): StoredObject {
    return new StoredObject(this.key, revision, this.value)
  }

  #head(): RegExpExecArray | null {
    return canonicalHead.exec(decoder.decode(this.value.subarray(0, headBytesMax)))
  }

  #splice(): Uint8Array | undefined {
    const head = this.#head()
    if (!head) return undefined
    const insertion = encoder.encode(`"resourceVersion":"${this.revision}",`)
    const at = encoder.encode(head[0]).length
    const bytes = new Uint8Array(this.value.length + insertion.length)
    bytes.set(this.value.subarray(0, at))
    bytes.set(insertion, at)
    bytes.set(this.value.subarray(at), at + insertion.length)
    return bytes
  }
}

/** A copy of `object` that says at which revision it is. */
function withResourceVersion(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
}

function decodeValue(value: Uint8Array): KubeObject {
  return parseObject(value)
}
