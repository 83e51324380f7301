/**
 * Tables: what `kubectl get` shows, with the columns of the kind. A row's object is the object's
 * metadata, the whole object, or nothing, as `includeObject` says.
 * Source: k8s.io/apiserver pkg/endpoints/handlers/response.go, k8s.io/apimachinery pkg/apis/meta/v1 Table.
 */
import { fieldOf } from '../api/meta/json.ts'
import { badRequest } from '../api/meta/status.ts'
import type { Kind, KubeObject } from '../api/kind.ts'

export type IncludeObject = 'Metadata' | 'Object' | 'None'

export interface TableOptions {
  /** `v1` or `v1beta1`. */
  readonly version: string
  readonly includeObject: IncludeObject
  readonly nowMs: number
  /** Watch events after the first one leave the definitions out. */
  readonly withDefinitions: boolean
}

/** @throws ApiError 400 */
export function parseIncludeObject(text: string | null): IncludeObject {
  if (text === null || text === '') return 'Metadata'
  if (text === 'Metadata' || text === 'Object' || text === 'None') return text
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(text)}`)
}

/** The Table of some objects with the metadata of their list. */
export function tableOf(
  kind: Kind,
  objects: readonly KubeObject[],
  listMeta: Readonly<Record<string, unknown>>,
  options: TableOptions,
): Readonly<Record<string, unknown>> {
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata: listMeta,
    columnDefinitions: options.withDefinitions ? definitionsOf(kind) : [],
    rows: objects.map((object) => rowOf(kind, object, options)),
  }
}

/** An object's metadata with its type: PartialObjectMetadata. */
export function partialMetadata(object: KubeObject, version = 'v1'): Readonly<Record<string, unknown>> {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: object.metadata,
  }
}

function definitionsOf(kind: Kind): readonly Readonly<Record<string, unknown>>[] {
  return kind.columns.map((column) => ({
    name: column.name,
    type: column.type,
    format: column.format ?? (column.name === 'Name' ? 'name' : ''),
    description: column.description,
    priority: column.priority,
  }))
}

function rowOf(kind: Kind, object: KubeObject, options: TableOptions): Readonly<Record<string, unknown>> {
  return {
    cells: kind.columns.map((column) => column.cell(object, options.nowMs)),
    ...conditionsOf(kind, object),
    ...rowObject(object, options),
  }
}

function rowObject(object: KubeObject, options: TableOptions): Readonly<Record<string, unknown>> {
  if (options.includeObject === 'None') return {}
  return {
    object: options.includeObject === 'Object' ? object : partialMetadata(object, options.version),
  }
}

/** Finished pods are marked so that clients may hide them. */
function conditionsOf(kind: Kind, object: KubeObject): Readonly<Record<string, unknown>> {
  if (kind.group !== '' || kind.resource !== 'pods') return {}
  const phase = fieldOf(object['status'], 'phase')
  if (phase === 'Succeeded')
    return {
      conditions: [
        {
          type: 'Completed',
          status: 'True',
          reason: 'Succeeded',
          message: 'The pod has completed successfully.',
        },
      ],
    }
  if (phase === 'Failed')
    return {
      conditions: [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }],
    }
  return {}
}
