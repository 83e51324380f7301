/**
 * Sets of completion indexes as Kubernetes writes them: "0,2-5,7". Three in a row and more become a range,
 * as upstream writes it. Source: Kubernetes pkg/controller/job/indexed_job_utils.go.
 */

/** Indexes below `count` that a text names; what is not one is left out. */
export function parseIndexes(text: string | undefined, count: number): ReadonlySet<number> {
  const indexes = new Set<number>()
  for (const part of (text ?? '').split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim())
    if (!match) continue
    const first = Number(match[1])
    const last = Math.min(match[2] === undefined ? first : Number(match[2]), count - 1)
    for (let index = first; index <= last; index += 1) indexes.add(index)
  }
  return indexes
}

/** The shortest text of a set; '' for none. */
export function formatIndexes(indexes: ReadonlySet<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b)
  const parts: string[] = []
  for (let start = 0; start < sorted.length; ) {
    let end = start
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end += 1
    parts.push(...formatRun(sorted.slice(start, end + 1)))
    start = end + 1
  }
  return parts.join(',')
}

function formatRun(run: readonly number[]): readonly string[] {
  return run.length >= 3 ? [`${run[0]}-${run.at(-1)}`] : run.map(String)
}
