/** What a subresource with a file of its own is: a function of the request. */
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import type { ResourceExchange } from '../verbs/resource-exchange.ts'

export type SubresourceVerb = (parts: Parts, request: ResourceExchange) => Promise<HttpResponse>
