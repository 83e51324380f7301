/**
 * Bounded concurrency: so many reads and so many writes at once, and a 429 with Retry-After for whoever
 * comes beyond. Long-running requests and the administrators' group are not counted. Priority levels and
 * fair queues belong to a later issue.
 * Source: k8s.io/apiserver/pkg/server/filters/maxinflight.go.
 */
import { mastersGroup, type User } from '../authn/user.ts'
import type { RequestInfo } from './request-info.ts'

export interface FlowLimits {
  readonly readsMax: number
  readonly writesMax: number
}

export const defaultFlowLimits: FlowLimits = { readsMax: 400, writesMax: 200 }

const longRunningSubresources = new Set(['exec', 'attach', 'portforward', 'proxy', 'log'])
const readVerbs = new Set(['get', 'list', 'watch', 'head', 'options'])

/** Watches, streams and proxies live long and have no deadline. */
export function isLongRunning(info: RequestInfo): boolean {
  return info.verb === 'watch' || (info.isResource && longRunningSubresources.has(info.subresource))
}

/** True when a request cannot change anything. */
function isReadOnly(info: RequestInfo): boolean {
  return readVerbs.has(info.verb)
}

export class FlowControl {
  readonly #limits: FlowLimits
  #reads = 0
  #writes = 0

  constructor(limits: FlowLimits) {
    this.#limits = limits
  }

  get inFlight(): { readonly reads: number; readonly writes: number } {
    return { reads: this.#reads, writes: this.#writes }
  }

  /** A release function to call once when the request has ended; undefined: too many requests. */
  enter(info: RequestInfo, user: User): (() => void) | undefined {
    if (isLongRunning(info) || user.groups.includes(mastersGroup)) return () => {}
    if (isReadOnly(info)) {
      if (this.#reads >= this.#limits.readsMax) return undefined
      this.#reads += 1
      return () => {
        this.#reads -= 1
      }
    }
    if (this.#writes >= this.#limits.writesMax) return undefined
    this.#writes += 1
    return () => {
      this.#writes -= 1
    }
  }
}
