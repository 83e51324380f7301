/**
 * Bytes from the store as objects: our JSON, or the protobuf envelope that kube-apiserver writes, told
 * apart by the first bytes.
 */
import { decode, protobufMediaType } from '../../api/meta/codec.ts'
import { parseApiVersion } from '../../api/meta/owner.ts'
import { isEnvelope, openEnvelope } from '../../api/meta/protobuf.ts'
import type { KubeObject } from '../../api/kind.ts'

const decoder = new TextDecoder()

/** @throws SyntaxError when the bytes are no object; ApiError for a protobuf message that is not known */
export function parseObject(value: Uint8Array): KubeObject {
  if (isEnvelope(value)) {
    const { apiVersion, kind } = openEnvelope(value)
    return decode(value, protobufMediaType, { ...parseApiVersion(apiVersion), kind }).object
  }
  return asObject(JSON.parse(decoder.decode(value)))
}

/**
 * The one unsafe line: `value` is trusted to be a Kubernetes object because the registry checked it before
 * it was stored, or because the caller has just built it.
 */
export function asObject(value: unknown): KubeObject {
  return value as KubeObject
}
