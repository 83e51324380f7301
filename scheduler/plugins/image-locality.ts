/**
 * Prefers nodes that hold the pod's images already. An image counts by its size times the share of nodes
 * that have it, so that one that lies nearly nowhere does not draw every pod to one node.
 */
import type { Container } from '../../api/types.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import type { Snapshot } from '../cache/snapshot.ts'
import { maxNodeScore, type Plugin } from '../framework/extension-points.ts'
import type { Handle } from '../framework/handle.ts'

const mebibyte = 1024 * 1024
/** Less than this is pulled quickly anyway. */
const thresholdBytes = 23 * mebibyte
const perContainerMaxBytes = 1000 * mebibyte

export function imageLocality(handle: Handle): Plugin {
  return {
    name: 'ImageLocality',
    score(_state, { pod }, node) {
      const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
      const snapshot = handle.snapshot()
      const sum = containers.reduce((bytes, container) => bytes + spreadBytes(container, node, snapshot), 0)
      const max = perContainerMaxBytes * containers.length
      const bounded = Math.min(Math.max(sum, thresholdBytes), max)
      return max <= thresholdBytes
        ? 0
        : Math.floor((maxNodeScore * (bounded - thresholdBytes)) / (max - thresholdBytes))
    },
  }
}

function spreadBytes({ image = '' }: Container, node: NodeInfo, snapshot: Snapshot): number {
  const name = normalizedImageName(image)
  const bytes = node.imageBytes.get(name)
  if (bytes === undefined || snapshot.nodes.length === 0) return 0
  return Math.floor(bytes * (snapshot.nodesWithImage(name) / snapshot.nodes.length))
}

/** With the tag `latest` when it has none. */
function normalizedImageName(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image
}
