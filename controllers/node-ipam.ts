/**
 * Node IPAM: gives each node that brings no pod range of its own a free /24 of the cluster's range. Kubelets
 * of Skedia register with theirs; this is for nodes that were made by hand or by others.
 * Source: Kubernetes pkg/controller/nodeipam (RangeAllocator), IPv4 only.
 */
import { nodes } from '../api/core/node.ts'
import { keyOf } from '../client/index.ts'
import type { Controller, ControllerContext } from './framework/controller.ts'
import { ignoreNotFound } from './framework/errors.ts'

const nodeMaskBits = 24

/** The first /24 of `clusterCidr` that is not taken; undefined when all are. Pure. @throws on a malformed range */
export function freeRange(clusterCidr: string, taken: ReadonlySet<string>): string | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(clusterCidr)
  const bits = Number(match?.[5])
  const bytes = (match ?? []).slice(1, 5).map(Number)
  if (!match || bits > nodeMaskBits || bytes.some((byte) => byte > 255)) {
    throw new Error(
      `cluster CIDR "${clusterCidr}" must be an IPv4 range of /${nodeMaskBits} or larger, such as 10.244.0.0/16`,
    )
  }
  const [a = 0, b = 0, c = 0] = bytes
  const size = 2 ** (nodeMaskBits - bits)
  const first = Math.floor((a * 65_536 + b * 256 + c) / size) * size
  for (let index = first; index < first + size; index += 1) {
    const range = `${Math.floor(index / 65_536)}.${Math.floor(index / 256) % 256}.${index % 256}.0/${nodeMaskBits}`
    if (!taken.has(range)) return range
  }
  return undefined
}

/** @throws when nodes cannot be given ranges of it: what was found, and what would do */
export function checkClusterCidr(clusterCidr: string): void {
  freeRange(clusterCidr, new Set())
}

/** The controller; without a cluster CIDR it does nothing. */
export const nodeIpamController: Controller = {
  name: 'node-ipam-controller',
  start: (context) => {
    const { clusterCidr } = context.config
    if (clusterCidr === undefined || clusterCidr === '') return
    /** Given out in this term, by node: the cache may not show it yet. */
    const given = new Map<string, string>()
    const queue = context.reconciler('node-ipam', {
      reconcile: (name, signal) => assign(context, { clusterCidr, given, name, signal }),
      workers: 1,
    })
    context.informer(nodes).onChange({
      add: (node) => {
        if (!node.spec?.podCIDR) queue.add(keyOf(node))
      },
      delete: (node) => given.delete(node.metadata.name ?? ''),
    })
  },
}

async function assign(
  context: ControllerContext,
  options: { clusterCidr: string; given: Map<string, string>; name: string; signal: AbortSignal },
): Promise<void> {
  const { clusterCidr, given, name, signal } = options
  const all = context.informer(nodes)
  const node = all.get(undefined, name)
  if (!node || node.spec?.podCIDR) return
  const taken = new Set([
    ...given.values(),
    ...all.list().flatMap(({ spec }) => spec?.podCIDRs ?? spec?.podCIDR ?? []),
  ])
  const range = given.get(name) ?? freeRange(clusterCidr, taken)
  if (range === undefined) {
    const message = `Node ${name} status is now: CIDRNotAvailable`
    context.recorder('cidrAllocator').event(node, 'Normal', 'CIDRNotAvailable', message)
    throw new Error(`no free /${nodeMaskBits} is left in ${clusterCidr} for node ${name}`)
  }
  given.set(name, range)
  const { uid, resourceVersion } = node.metadata
  const patch = { metadata: { uid, resourceVersion }, spec: { podCIDR: range, podCIDRs: [range] } }
  await ignoreNotFound(context.client.resource(nodes).patch(name, patch, { type: 'merge', signal }))
}
