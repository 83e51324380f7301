/**
 * The one mapping from whatever went wrong to what the client hears: a metav1.Status with Kubernetes'
 * code and reason, and the headers that belong to it.
 */
import { ApiError, internalError, serviceUnavailable, timeout } from '../../api/meta/status.ts'
import { messageOf } from '../../platform/assert.ts'
import { DeadlineExceeded } from '../../platform/clock.ts'
import { TaskGroupClosed } from '../../platform/tasks.ts'
import type { HttpResponse } from '../../platform/network.ts'
import { unreachable } from '../../platform/assert.ts'
import { StoreError } from '../../store/client/store-client.ts'
import { OutcomeUnknown } from '../storage/object-storage.ts'

const retrySeconds = 1

/** The API error that stands for `error`. `isBug`: it must go to the log and the metrics. */
export function toApiError(error: unknown): { readonly error: ApiError; readonly isBug: boolean } {
  if (error instanceof ApiError) return { error, isBug: false }
  if (error instanceof StoreError) return { error: fromStoreError(error), isBug: error.code === 'corrupt' }
  if (error instanceof OutcomeUnknown) return { error: timeout(error.message), isBug: false }
  if (error instanceof DeadlineExceeded) return { error: timeout(error.message), isBug: false }
  if (error instanceof TaskGroupClosed)
    return { error: serviceUnavailable('the apiserver is shutting down', retrySeconds), isBug: false }
  return { error: internalError(messageOf(error)), isBug: true }
}

/** The response of an error. Status bodies are JSON whatever was asked for. */
export function errorResponse(error: ApiError, headers: HttpResponse['headers'] = {}): HttpResponse {
  const retryAfter = error.status.details?.retryAfterSeconds
  return {
    status: error.code,
    headers: {
      ...headers,
      'content-type': 'application/json',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    },
    body: `${JSON.stringify(error.status)}\n`,
  }
}

function fromStoreError(error: StoreError): ApiError {
  switch (error.code) {
    case 'no-leader':
      // Without Retry-After: the store's client has waited for a leader already, and kubectl would ask ten times more.
      return serviceUnavailable(`the store has no quorum, nothing was written, try again: ${error.message}`)
    case 'too-many-requests':
    case 'closed':
    case 'no-space':
      return serviceUnavailable(`the store refused, nothing was written: ${error.message}`, retrySeconds)
    case 'timeout':
    case 'unknown-outcome':
      return timeout(`the store did not answer in time: ${error.message}`)
    case 'compacted':
    case 'future-revision':
      return new ApiError({
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        code: 410,
        reason: 'Expired',
        message: `The resourceVersion for the provided list is too old: ${error.message}`,
      })
    case 'request-too-large':
      return new ApiError({
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        code: 413,
        reason: 'RequestEntityTooLarge',
        message: `the object is too large for the store: ${error.message}`,
      })
    case 'too-many-operations':
    case 'duplicate-key':
    case 'lease-not-found':
    case 'corrupt':
    case 'invalid-argument':
      return internalError(`store: ${error.message}`)
    default:
      return unreachable(error.code)
  }
}
