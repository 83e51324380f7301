/**
 * Prefers nodes on which, with the pod, CPU and memory are used to the same degree. Silent about pods
 * that request neither, which would otherwise heap up on one node.
 */
import { maxNodeScore, type Plugin } from '../framework/extension-points.ts'

export function nodeResourcesBalancedAllocation(): Plugin {
  return {
    name: 'NodeResourcesBalancedAllocation',
    preScore: (_state, { requests }) =>
      requests.milliCpu === 0 && requests.memoryBytes === 0 ? 'skip' : undefined,
    score(_state, pod, { requested, allocatable }) {
      const cpu = usedFraction(requested.milliCpu + pod.requests.milliCpu, allocatable.milliCpu)
      const memory = usedFraction(requested.memoryBytes + pod.requests.memoryBytes, allocatable.memoryBytes)
      // The standard deviation of two numbers is half their difference.
      const deviation = cpu === undefined || memory === undefined ? 0 : Math.abs(cpu - memory) / 2
      return Math.floor((1 - deviation) * maxNodeScore)
    },
  }
}

function usedFraction(requested: number, capacity: number): number | undefined {
  return capacity === 0 ? undefined : Math.min(1, requested / capacity)
}
