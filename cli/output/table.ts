/** Columns of text, two spaces apart, with a heading. Wide enough for the widest cell; the last one is not padded. */
export function renderTable(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    })
  }
  return rows
    .map((row) => {
      const cells = row.map((cell, column) =>
        column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 2),
      )
      return `${indent}${cells.join('')}`.trimEnd()
    })
    .map((line) => `${line}\n`)
    .join('')
}

/** `4m`, `2h10m`, `17s`: as kubectl shows an age. */
export function formatAge(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}h${minutes % 60 > 0 ? `${minutes % 60}m` : ''}` : `${Math.floor(hours / 24)}d`
}
