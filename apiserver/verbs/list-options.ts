/**
 * The query of a list or watch, parsed and checked once.
 * Source: k8s.io/apimachinery pkg/apis/meta/internalversion/validation (the rules between resourceVersion,
 * resourceVersionMatch, continue and sendInitialEvents).
 */
import {
  type FieldSelector,
  fieldSelectorProblem,
  fieldText,
  matchesFields,
  parseFieldSelector,
  requiredValue,
} from '../../api/meta/field-selector.ts'
import type { FieldError } from '../../api/meta/field-error.ts'
import { isEverything, matchesLabels, parseLabelSelector, type Selector } from '../../api/meta/selector.ts'
import { badRequest, invalid } from '../../api/meta/status.ts'
import type { Kind } from '../../api/kind.ts'
import { messageOf } from '../../platform/assert.ts'
import { isTrue } from '../pipeline/request-info.ts'
import { fromStorage } from '../registry/conversion.ts'
import { collectionPrefix, objectKey } from '../storage/keys.ts'
import type { StoredObject } from '../storage/stored-object.ts'

export interface ListOptions {
  readonly limit: number
  readonly continueToken: string
  /** '' when absent. */
  readonly resourceVersion: string
  readonly match: '' | 'Exact' | 'NotOlderThan'
  readonly timeoutSeconds: number | undefined
  readonly allowBookmarks: boolean
  readonly sendInitialEvents: boolean | undefined
}

/** @throws ApiError 400 or 422 */
export function parseListOptions(query: URLSearchParams, isWatch: boolean): ListOptions {
  const initial = query.get('sendInitialEvents')
  const options: ListOptions = {
    limit: parseCount(query, 'limit') ?? 0,
    continueToken: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    match: parseMatch(query.get('resourceVersionMatch') ?? ''),
    timeoutSeconds: parseCount(query, 'timeoutSeconds'),
    allowBookmarks: query.has('allowWatchBookmarks') && isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: initial === null ? undefined : isTrue(initial),
  }
  const problems = isWatch ? watchProblems(options) : listProblems(options)
  if (problems.length > 0) throw invalid({ group: 'meta.k8s.io', resource: 'ListOptions' }, '', problems)
  parseRevision(options.resourceVersion)
  return options
}

/** A resourceVersion as a number; undefined for ''. @throws ApiError 400 */
export function parseRevision(text: string): number | undefined {
  if (text === '') return undefined
  if (!/^\d{1,15}$/.test(text))
    throw badRequest(`invalid resource version ${JSON.stringify(text)}: must be a decimal number`)
  return Number(text)
}

function parseCount(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^-?\d{1,15}$/.test(text))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax in ${name}`)
  return Math.max(0, Number(text))
}

function parseMatch(text: string): ListOptions['match'] {
  if (text === '' || text === 'Exact' || text === 'NotOlderThan') return text
  throw invalid({ group: 'meta.k8s.io', resource: 'ListOptions' }, '', [
    {
      type: 'FieldValueNotSupported',
      field: 'resourceVersionMatch',
      message: `Unsupported value: ${JSON.stringify(text)}: supported values: "Exact", "NotOlderThan", ""`,
    },
  ])
}

function problem(field: string, message: string): FieldError {
  return { type: 'FieldValueForbidden', field, message: `Forbidden: ${message}` }
}

function listProblems(options: ListOptions): readonly FieldError[] {
  const problems: FieldError[] = []
  if (options.sendInitialEvents !== undefined)
    problems.push(problem('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
  if (options.match === '') return problems
  if (options.resourceVersion === '')
    problems.push(
      problem('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
    )
  if (options.continueToken !== '')
    problems.push(
      problem('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'),
    )
  if (options.match === 'Exact' && options.resourceVersion === '0')
    problems.push(
      problem('resourceVersionMatch', 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"'),
    )
  return problems
}

function watchProblems(options: ListOptions): readonly FieldError[] {
  if (options.sendInitialEvents === undefined) {
    return options.match === ''
      ? []
      : [
          problem(
            'resourceVersionMatch',
            'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
          ),
        ]
  }
  return options.match === 'NotOlderThan'
    ? []
    : [
        problem(
          'resourceVersionMatch',
          'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
        ),
      ]
}

/** Which objects of a collection are meant. */
export interface Selection {
  /** Storage keys below it; narrowed to one key where a name is fixed. */
  readonly prefix: string
  readonly isEverything: boolean
  readonly matches: (object: StoredObject) => boolean
}

/** @throws ApiError 400 for a selector that cannot be read or that the kind does not support */
export function parseSelection(kind: Kind, namespace: string, query: URLSearchParams): Selection {
  const labels = readSelector('labelSelector', query, parseLabelSelector)
  const fields = readSelector('fieldSelector', query, parseFieldSelector)
  const unsupported = fieldSelectorProblem(kind, fields)
  if (unsupported !== undefined) throw badRequest(unsupported)
  const name = requiredValue(fields, 'metadata.name')
  const isNarrow = name !== undefined && name !== '' && (!kind.namespaced || namespace !== '')
  return {
    prefix: isNarrow ? objectKey(kind, namespace, name) : collectionPrefix(kind, namespace),
    isEverything: isEverything(labels) && fields.length === 0,
    matches: matcher(kind, labels, fields),
  }
}

function readSelector<T>(name: string, query: URLSearchParams, parse: (text: string) => T): T {
  const text = query.get(name) ?? ''
  try {
    return parse(text)
  } catch (error) {
    throw badRequest(`unable to find selector ${JSON.stringify(text)} given as ${name}: ${messageOf(error)}`)
  }
}

function matcher(kind: Kind, labels: Selector, fields: FieldSelector): (object: StoredObject) => boolean {
  if (isEverything(labels) && fields.length === 0) return () => true
  return (stored) => {
    const object = fromStorage(kind, stored)
    return (
      matchesLabels(labels, object.metadata.labels) &&
      matchesFields(fields, (field) => fieldText(kind, object, field))
    )
  }
}
