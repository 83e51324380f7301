/**
 * The OpenAPI documents that the server publishes: one of version 3 per group and version, and one of version
 * 2 for all. Pure functions of the kinds; the caller serves, caches and hashes them.
 *
 * kubectl reads from them whether a kind takes `fieldValidation` (the parameters of its PATCH and POST) and,
 * for `explain`, every field.
 */
import type { Kind } from '../kind.ts'
import { mediaTypes } from '../meta/codec.ts'
import type { Operation, Parameter } from './operations.ts'
import { operationsOf } from './operations.ts'
import type { OpenApiObject } from './schema-rendering.ts'
import { referenceText, renderClosure } from './schema-rendering.ts'

const patchTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
]
const watchable = [
  ...mediaTypes,
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
]

function definitionsOf(operations: readonly Operation[]): readonly string[] {
  return operations.flatMap(({ requestDefinition, responseDefinition }) =>
    [requestDefinition, responseDefinition].filter((name) => name !== undefined),
  )
}

function responseStatus({ action }: Operation): string {
  return action === 'post' ? '201' : '200'
}

function commonFields({ operationId, action, group, version, kind }: Operation): OpenApiObject {
  return {
    operationId,
    tags: [`${group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')}_${version}`],
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
  }
}

function byPath(
  operations: readonly Operation[],
  render: (operation: Operation) => OpenApiObject,
): OpenApiObject {
  const paths = new Map<string, Record<string, OpenApiObject>>()
  for (const operation of operations) {
    const item = paths.get(operation.path) ?? {}
    item[operation.method] ??= render(operation)
    paths.set(operation.path, item)
  }
  return Object.fromEntries([...paths].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function contentV3(types: readonly string[], definition: string): OpenApiObject {
  const schema = { $ref: referenceText(definition, 3) }
  return Object.fromEntries(types.map((type) => [type, { schema }]))
}

function parameterV3({ name, in: place, type }: Parameter): OpenApiObject {
  return {
    name,
    in: place,
    ...(place === 'path' ? { required: true } : {}),
    schema: { type, uniqueItems: true },
  }
}

function operationV3(operation: Operation): OpenApiObject {
  const { action, requestDefinition, responseDefinition } = operation
  const bodyTypes = action === 'patch' ? patchTypes : ['*/*']
  const content =
    responseDefinition === undefined
      ? { '*/*': { schema: { type: 'string' } } }
      : contentV3(action === 'list' ? watchable : mediaTypes, responseDefinition)
  return {
    ...commonFields(operation),
    parameters: operation.parameters.map(parameterV3),
    ...(requestDefinition === undefined
      ? {}
      : {
          requestBody: {
            content: contentV3(bodyTypes, requestDefinition),
            required: action !== 'delete' && action !== 'deletecollection',
          },
        }),
    responses: {
      [responseStatus(operation)]: { description: 'OK', content },
      401: { description: 'Unauthorized' },
    },
  }
}

/** The version 3 document of one group and version, from the kinds that it serves. */
export function openApiV3(kinds: readonly Kind[], serverVersion: string): OpenApiObject {
  const operations = kinds.flatMap(operationsOf)
  const roots = [...definitionsOf(operations), ...kinds.map((kind) => kind.definition)]
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: serverVersion },
    paths: byPath(operations, operationV3),
    components: {
      schemas: renderClosure(roots, 3),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          description: 'Bearer Token authentication',
          name: 'authorization',
          in: 'header',
        },
      },
    },
  }
}

function parameterV2({ name, in: place, type }: Parameter): OpenApiObject {
  return { name, in: place, type, uniqueItems: true, ...(place === 'path' ? { required: true } : {}) }
}

function operationV2(operation: Operation): OpenApiObject {
  const { action, requestDefinition, responseDefinition } = operation
  const body =
    requestDefinition === undefined
      ? []
      : [{ name: 'body', in: 'body', schema: { $ref: referenceText(requestDefinition, 2) } }]
  const schema =
    responseDefinition === undefined ? { type: 'string' } : { $ref: referenceText(responseDefinition, 2) }
  return {
    ...commonFields(operation),
    consumes: action === 'patch' ? patchTypes : ['*/*'],
    produces: action === 'list' ? watchable : mediaTypes,
    schemes: ['https'],
    parameters: [...operation.parameters.map(parameterV2), ...body],
    responses: {
      [responseStatus(operation)]: { description: 'OK', schema },
      401: { description: 'Unauthorized' },
    },
  }
}

/** The version 2 document of all kinds. */
export function openApiV2(kinds: readonly Kind[], serverVersion: string): OpenApiObject {
  const operations = kinds.flatMap(operationsOf)
  const roots = [...definitionsOf(operations), ...kinds.map((kind) => kind.definition)]
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: serverVersion },
    paths: byPath(operations, operationV2),
    definitions: renderClosure(roots, 2),
    securityDefinitions: {
      BearerToken: {
        description: 'Bearer Token authentication',
        type: 'apiKey',
        name: 'authorization',
        in: 'header',
      },
    },
    security: [{ BearerToken: [] }],
  }
}
