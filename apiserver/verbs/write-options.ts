/** The query of a write: dryRun, fieldManager, fieldValidation, force; and DeleteOptions. */
import type { FieldValidation } from '../../api/meta/codec.ts'
import { decode } from '../../api/meta/codec.ts'
import { fieldOf } from '../../api/meta/json.ts'
import { badRequest, invalid } from '../../api/meta/status.ts'
import type { DeleteOptions, Propagation } from '../registry/deletion.ts'

const managerLengthMax = 128

export interface WriteOptions {
  readonly dryRun: boolean
  readonly fieldManager: string
  readonly fieldValidation: FieldValidation
  readonly force: boolean
}

/** @throws ApiError 400, 422 */
export function parseWriteOptions(query: URLSearchParams, userAgent: string | undefined): WriteOptions {
  const manager = query.get('fieldManager') ?? ''
  if (manager.length > managerLengthMax)
    throw invalid({ group: 'meta.k8s.io', resource: 'CreateOptions' }, '', [
      {
        type: 'FieldValueTooLong',
        field: 'fieldManager',
        message: `Too long: may not be more than ${managerLengthMax} bytes`,
      },
    ])
  return {
    dryRun: parseDryRun(query.getAll('dryRun')),
    fieldManager: manager === '' ? managerOfAgent(userAgent) : manager,
    fieldValidation: parseFieldValidation(query.get('fieldValidation') ?? ''),
    force: query.get('force') === 'true',
  }
}

function parseDryRun(values: readonly string[]): boolean {
  const given = values.filter((value) => value !== '')
  if (given.some((value) => value !== 'All'))
    throw invalid({ group: 'meta.k8s.io', resource: 'CreateOptions' }, '', [
      {
        type: 'FieldValueNotSupported',
        field: 'dryRun',
        message: `Unsupported value: ${JSON.stringify(given[0])}: supported values: "All"`,
      },
    ])
  return given.length > 0
}

function parseFieldValidation(text: string): FieldValidation {
  if (text === '') return 'Warn'
  if (text === 'Ignore' || text === 'Warn' || text === 'Strict') return text
  throw invalid({ group: 'meta.k8s.io', resource: 'CreateOptions' }, '', [
    {
      type: 'FieldValueNotSupported',
      field: 'fieldValidation',
      message: `Unsupported value: ${JSON.stringify(text)}: supported values: "", "Ignore", "Strict", "Warn"`,
    },
  ])
}

/** `kubectl/v1.33.0 (linux/amd64)` manages fields as `kubectl`. */
function managerOfAgent(userAgent: string | undefined): string {
  const agent = (userAgent ?? '').split('/')[0] ?? ''
  return agent === '' ? 'unknown' : agent.slice(0, managerLengthMax)
}

/** DeleteOptions from a body, or from the query where there is none. @throws ApiError 400, 422 */
export function parseDeleteOptions(
  body: Uint8Array,
  contentType: string,
  query: URLSearchParams,
): { readonly options: DeleteOptions; readonly dryRun: boolean } {
  const given: unknown =
    body.length === 0
      ? {}
      : decode(body, contentType, { group: 'meta.k8s.io', version: 'v1', kind: 'DeleteOptions' }).object
  const policy = fieldOf(given, 'propagationPolicy') ?? query.get('propagationPolicy') ?? undefined
  const orphan = fieldOf(given, 'orphanDependents')
  if (policy !== undefined && orphan !== undefined)
    throw badRequest('orphanDependents and propagationPolicy cannot be both set')
  const preconditions = fieldOf(given, 'preconditions')
  const bodyDryRun = fieldOf(given, 'dryRun')
  const dryRun = Array.isArray(bodyDryRun) ? bodyDryRun.map(String) : query.getAll('dryRun')
  return {
    dryRun: parseDryRun(dryRun),
    options: {
      gracePeriodSeconds: graceOf(fieldOf(given, 'gracePeriodSeconds') ?? query.get('gracePeriodSeconds')),
      propagationPolicy: policyOf(policy, orphan),
      preconditions: {
        uid: textOf(fieldOf(preconditions, 'uid')),
        resourceVersion: textOf(fieldOf(preconditions, 'resourceVersion')),
      },
    },
  }
}

function graceOf(value: unknown): number | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const seconds = Number(value)
  if (!Number.isSafeInteger(seconds))
    throw badRequest(`gracePeriodSeconds must be a whole number of seconds, found ${JSON.stringify(value)}`)
  return seconds
}

function policyOf(policy: unknown, orphan: unknown): Propagation | undefined {
  if (policy === undefined || policy === null || policy === '')
    return orphan === undefined ? undefined : orphan === true ? 'Orphan' : 'Background'
  if (policy === 'Orphan' || policy === 'Background' || policy === 'Foreground') return policy
  throw invalid({ group: 'meta.k8s.io', resource: 'DeleteOptions' }, '', [
    {
      type: 'FieldValueNotSupported',
      field: 'propagationPolicy',
      message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
    },
  ])
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
