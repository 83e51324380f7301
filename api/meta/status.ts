/**
 * API errors: `metav1.Status` with the codes, reasons and texts of apimachinery's `api/errors`. kubectl and
 * client-go compare reasons and some texts, so they are copied exactly.
 *
 * Source: k8s.io/apimachinery pkg/api/errors, pkg/apis/meta/v1.
 */
import type { FieldError } from './field-error.ts'
import { isObject, trusted } from './json.ts'
import type { Status, StatusCause, StatusDetails } from '../types.ts'

/** An error that the API answers with: what the server throws and what the client throws again. */
export class ApiError extends Error {
  readonly status: Status
  readonly code: number
  readonly reason: string

  constructor(status: Status) {
    super(status.message ?? status.reason ?? 'unknown error')
    this.name = 'ApiError'
    this.status = status
    this.code = status.code ?? 500
    this.reason = status.reason ?? ''
  }
}

/** What an error is about: a resource ("pods") or, for `invalid`, a kind ("Pod"), each with its group. */
export interface ErrorSubject {
  readonly group: string
  readonly resource: string
}

interface Failure {
  readonly code: number
  readonly reason: string
  readonly message: string
  readonly details?: StatusDetails
}

function failure({ code, reason, message, details }: Failure): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  })
}

function detailsOf(subject: ErrorSubject, name: string, more: Partial<StatusDetails> = {}): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(subject.group === '' ? {} : { group: subject.group }),
    ...(subject.resource === '' ? {} : { kind: subject.resource }),
    ...more,
  }
}

function qualified(subject: ErrorSubject): string {
  return subject.group === '' ? subject.resource : `${subject.resource}.${subject.group}`
}

/** 404: `pods "x" not found`. */
export function notFound(subject: ErrorSubject, name: string): ApiError {
  return failure({
    code: 404,
    reason: 'NotFound',
    message: `${qualified(subject)} "${name}" not found`,
    details: detailsOf(subject, name),
  })
}

/** 404 for a path or a resource that is not served. */
export function pageNotFound(): ApiError {
  return failure({
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  })
}

/** 409: `pods "x" already exists`. */
export function alreadyExists(subject: ErrorSubject, name: string): ApiError {
  return failure({
    code: 409,
    reason: 'AlreadyExists',
    message: `${qualified(subject)} "${name}" already exists`,
    details: detailsOf(subject, name),
  })
}

/** 409 for a generated name that was taken eight times in a row. */
export function generatedNameTaken(subject: ErrorSubject, name: string): ApiError {
  return failure({
    code: 409,
    reason: 'AlreadyExists',
    message: `${qualified(subject)} "${name}" already exists, the server was not able to generate a unique name for the object`,
    details: detailsOf(subject, name, { retryAfterSeconds: 1 }),
  })
}

/** Text of the conflict that a stale resourceVersion gives. */
const modifiedText =
  'the object has been modified; please apply your changes to the latest version and try again'

/** 409: `Operation cannot be fulfilled on pods "x": …`; without a message, the stale-resourceVersion text. */
export function conflict(subject: ErrorSubject, name: string, message: string = modifiedText): ApiError {
  return failure({
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on ${qualified(subject)} "${name}": ${message}`,
    details: detailsOf(subject, name),
  })
}

/** 409 of server-side apply, one cause per conflicting field. */
export function applyConflict(causes: readonly StatusCause[], message: string): ApiError {
  return failure({ code: 409, reason: 'Conflict', message, details: { causes } })
}

/** 422: `Pod "x" is invalid: …`. `subject.resource` is the kind. */
export function invalid(subject: ErrorSubject, name: string, errors: readonly FieldError[]): ApiError {
  const texts = errors.map((error) => `${error.field}: ${error.message}`)
  const text = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`
  const causes = errors.map((error) => ({
    reason: error.type,
    message: error.message,
    field: error.field,
  }))
  return failure({
    code: 422,
    reason: 'Invalid',
    message: `${qualified(subject)} ${JSON.stringify(name)} is invalid${texts.length === 0 ? '' : `: ${text}`}`,
    details: detailsOf(subject, name, { causes }),
  })
}

/** 400. */
export function badRequest(message: string): ApiError {
  return failure({ code: 400, reason: 'BadRequest', message })
}

/** 401. */
export function unauthorized(message = 'Unauthorized'): ApiError {
  return failure({ code: 401, reason: 'Unauthorized', message })
}

/** 403: `pods "x" is forbidden: …`; without a name `pods is forbidden: …`. */
export function forbidden(subject: ErrorSubject, name: string, message: string): ApiError {
  const what =
    subject.resource === ''
      ? 'forbidden'
      : `${qualified(subject)}${name === '' ? '' : ` ${JSON.stringify(name)}`} is forbidden`
  return failure({
    code: 403,
    reason: 'Forbidden',
    message: `${what}: ${message}`,
    details: detailsOf(subject, name),
  })
}

/** 405: `patch is not supported on resources of kind "pods"`. */
export function methodNotSupported(subject: ErrorSubject, action: string): ApiError {
  return failure({
    code: 405,
    reason: 'MethodNotAllowed',
    message: `${action} is not supported on resources of kind "${qualified(subject)}"`,
    details: detailsOf(subject, ''),
  })
}

/** 406: no acceptable representation. */
export function notAcceptable(accepted: readonly string[]): ApiError {
  return failure({
    code: 406,
    reason: 'NotAcceptable',
    message: `only the following media types are accepted: ${accepted.join(', ')}`,
  })
}

/** 415: the body's media type is unknown. */
export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  return failure({
    code: 415,
    reason: 'UnsupportedMediaType',
    message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  })
}

/** 410 with reason Expired: the resourceVersion or continue token is too old. Clients list again. */
export function expired(message: string): ApiError {
  return failure({ code: 410, reason: 'Expired', message })
}

/** 410 with reason Gone. */
export function gone(message: string): ApiError {
  return failure({ code: 410, reason: 'Gone', message })
}

/** 410 with a continue token from which an inconsistent list may go on. */
export function expiredContinue(message: string, continueToken: string): ApiError {
  const error = expired(message)
  return new ApiError({ ...error.status, metadata: { continue: continueToken } })
}

/** 413. */
export function requestEntityTooLarge(limitBytes: number): ApiError {
  return failure({
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: `Request entity too large: limit is ${limitBytes}`,
  })
}

/** 429 with Retry-After. */
export function tooManyRequests(
  retryAfterSeconds: number,
  message = 'Too many requests, please try again later.',
  causes?: readonly StatusCause[],
): ApiError {
  return failure({
    code: 429,
    reason: 'TooManyRequests',
    message,
    details: { ...(causes === undefined ? {} : { causes }), retryAfterSeconds },
  })
}

/** 500: `Internal error occurred: …`. */
export function internalError(message: string): ApiError {
  return failure({
    code: 500,
    reason: 'InternalError',
    message: `Internal error occurred: ${message}`,
    details: { causes: [{ message }] },
  })
}

/** 503. */
export function serviceUnavailable(message: string, retryAfterSeconds?: number): ApiError {
  return failure({
    code: 503,
    reason: 'ServiceUnavailable',
    message,
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
  })
}

/** 504: the server gave up waiting. */
export function timeout(message: string, retryAfterSeconds?: number): ApiError {
  return failure({
    code: 504,
    reason: 'Timeout',
    message: `Timeout: ${message}`,
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
  })
}

/** 504 for a resourceVersion that has not been reached yet; client-go looks for the cause and tries again. */
export function tooLargeResourceVersion(
  wanted: string,
  current: string,
  retryAfterSeconds: number,
): ApiError {
  return failure({
    code: 504,
    reason: 'Timeout',
    message: `Timeout: Too large resource version: ${wanted}, current: ${current}`,
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds,
    },
  })
}

/** A Success status, as DELETE answers. */
export function success(details?: StatusDetails): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    ...(details === undefined ? {} : { details }),
  }
}

/** An error from a Status that came over the wire. */
export function statusToError(status: Status): ApiError {
  return new ApiError(status)
}

/** True for a value that is a `v1` Status. */
export function isStatus(value: unknown): value is Status {
  return isObject(value) && value['kind'] === 'Status' && value['apiVersion'] === 'v1'
}

function reasonOf(error: unknown): string | undefined {
  return error instanceof ApiError ? error.reason : undefined
}

function codeOf(error: unknown): number | undefined {
  return error instanceof ApiError ? error.code : undefined
}

/** The object is not there. */
export function isNotFound(error: unknown): boolean {
  return reasonOf(error) === 'NotFound' || (reasonOf(error) === '' && codeOf(error) === 404)
}

/** The object was changed by someone else meanwhile. */
export function isConflict(error: unknown): boolean {
  return reasonOf(error) === 'Conflict'
}

/** The object is there already. */
export function isAlreadyExists(error: unknown): boolean {
  return reasonOf(error) === 'AlreadyExists'
}

/** The resourceVersion (or continue token) is too old, whichever of the two reasons says so. */
export function isGone(error: unknown): boolean {
  return codeOf(error) === 410 || reasonOf(error) === 'Expired' || reasonOf(error) === 'Gone'
}

/** The object does not hold what the kind demands. */
export function isInvalid(error: unknown): boolean {
  return reasonOf(error) === 'Invalid'
}

/** The caller may not do this. */
export function isForbidden(error: unknown): boolean {
  return reasonOf(error) === 'Forbidden'
}

/** True when a namespace refuses a create because it is terminating. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof ApiError) || error.reason !== 'Forbidden') return false
  return (error.status.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating')
}

/** Seconds after which the server asks to try again, or undefined. */
export function retryAfterSeconds(error: unknown): number | undefined {
  return error instanceof ApiError ? error.status.details?.retryAfterSeconds : undefined
}

/** 403 that a create into a terminating namespace gets. */
export function namespaceTerminating(subject: ErrorSubject, name: string, namespace: string): ApiError {
  const message = `unable to create new content in namespace ${namespace} because it is being terminated`
  const error = forbidden(subject, name, message)
  return new ApiError({
    ...error.status,
    details: {
      ...trusted<StatusDetails>(error.status.details),
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  })
}
