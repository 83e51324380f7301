/** The cluster as one scheduling cycle sees it. */
import type { NodeInfo } from './node-info.ts'

export interface Snapshot {
  /** Every node, neighbours from different zones where there are several. */
  readonly nodes: readonly NodeInfo[]
  get(nodeName: string): NodeInfo | undefined
  /** On how many nodes an image lies. */
  nodesWithImage(image: string): number
}

/** Nothing scheduled yet, nothing known. */
export const emptySnapshot: Snapshot = { nodes: [], get: () => undefined, nodesWithImage: () => 0 }

/** A snapshot of given nodes, for tests and for trying things out. */
export function snapshotOf(nodes: readonly NodeInfo[]): Snapshot {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  return {
    nodes,
    get: (name) => byName.get(name),
    nodesWithImage: (image) => nodes.filter((node) => node.imageBytes.has(image)).length,
  }
}
