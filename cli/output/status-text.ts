/** `skedia status` for people: who leads, who lags, how many more may be lost, and what to type when it is too many. */
import type { ClusterStatus, MemberRow, ProcessRow } from '../supervisor/cluster-status.ts'
import { formatAge, renderTable } from './table.ts'

/** The whole page, ending with a line break. `nameFlag` makes the commands fit the cluster. */
export function renderStatus(status: ClusterStatus, nameFlag: string): string {
  return [
    headline(status),
    membersTable(status.members),
    processesTable(status.processes),
    footer(status, nameFlag),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

function headline(status: ClusterStatus): string {
  const up = status.members.filter((row) => row.term !== null).length
  const total = status.members.length
  const pods =
    status.runtime.kind === 'fake'
      ? `\n   pods are SIMULATED by the fake runtime (${status.runtime.reason ?? 'asked for'})`
      : ''
  if (!status.quorum) {
    return ` ✗ no quorum: ${up} of ${total} members up. Reads that allow staleness still answer; writes wait.${pods}\n`
  }
  const term = status.members.find((row) => row.name === status.leader)?.term
  const more = status.toleratesLosing === 1 ? '1 more member' : `${status.toleratesLosing} more members`
  return ` ✓ ${status.name}: ${status.leader} leads term ${term} · ${up} of ${total} members up · can lose ${more}${pods}\n`
}

function membersTable(members: readonly MemberRow[]): string {
  const heading = ['member', 'state', 'term', 'commit', 'applied', 'lag', 'fsync p99', 'up', 'pid']
  return renderTable([heading, ...members.map(memberCells)], '   ')
}

function memberCells(row: MemberRow): readonly string[] {
  return [
    row.name,
    row.cut ? `${row.role}, cut off` : row.role,
    cell(row.term),
    cell(row.commitIndex),
    cell(row.appliedIndex),
    row.lag === 0 ? '–' : cell(row.lag),
    row.fsyncP99Ms === null ? '–' : `${row.fsyncP99Ms.toFixed(1)} ms`,
    row.upMs === null ? '–' : formatAge(row.upMs),
    cell(row.pid),
  ]
}

function processesTable(processes: readonly ProcessRow[]): string {
  const heading = ['process', 'what', 'state', 'leads', 'restarts', 'up', 'pid']
  const cells = processes.map((row) => [
    row.name,
    row.kind,
    row.state,
    row.leading === null ? '' : row.leading ? 'yes' : 'no',
    `${row.restarts}`,
    row.upMs === null ? '–' : formatAge(row.upMs),
    cell(row.pid),
  ])
  return renderTable([heading, ...cells], '   ')
}

function footer(status: ClusterStatus, nameFlag: string): string {
  const mend = [
    ...status.members.flatMap((row) => mendMember(row, nameFlag)),
    ...status.processes.flatMap((row) => mendProcess(row, nameFlag)),
  ]
  return mend.map((line, index) => `   ${index === 0 ? 'fix    ' : '       '} ${line}\n`).join('')
}

function mendMember(row: MemberRow, nameFlag: string): readonly string[] {
  if (row.cut) return [`skedia heal ${row.name}${nameFlag}`]
  return row.role === 'down'
    ? [`skedia start ${row.name}${nameFlag}`]
    : row.role === 'paused'
      ? [`skedia resume ${row.name}${nameFlag}`]
      : []
}

function mendProcess(row: ProcessRow, nameFlag: string): readonly string[] {
  if (row.state === 'down') return [`skedia start ${row.name}${nameFlag}`]
  if (row.state === 'paused') return [`skedia resume ${row.name}${nameFlag}`]
  return row.state.startsWith('restarting') ? [`skedia logs ${row.name}${nameFlag}`] : []
}

function cell(value: number | null): string {
  return value === null ? '–' : `${value}`
}
