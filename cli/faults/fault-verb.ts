/** What `kill`, `pause` and `cut` have in common: break one process, measure what clients saw, say what to type next. */
import type { Command } from 'commander'
import { CliError, exitCodes } from '../cli-error.ts'
import { addClusterFlags, type ClusterFlags, nameFlag, openCluster } from '../verbs/cluster-flags.ts'
import type { Shell } from '../shell.ts'
import type { ClusterStatus } from '../supervisor/cluster-status.ts'
import { demandControl } from '../supervisor/control-client.ts'
import type { Acted, Action } from '../supervisor/supervisor.ts'
import type { Verb } from '../verb.ts'
import type { FaultReport } from './measured-fault.ts'

interface FaultFlags extends ClusterFlags {
  readonly json?: boolean
  readonly measure: boolean
}

/** The verb that does `action`; `mend` is the verb that undoes it. */
export function faultVerb(options: {
  readonly action: Action
  readonly done: string
  readonly mend: Action
}): Verb {
  return {
    define: (command: Command, choose) => {
      addClusterFlags(command)
        .argument('<target>', 'leader, or a process: m1, a1, c1, s1, n1, p1, f1')
        .option('--json', 'the figures as one JSON object')
        .option('--no-measure', 'only break it')
        .action((target: string) =>
          choose((shell) => runFault(shell, { ...options, target, flags: command.opts<FaultFlags>() })),
        )
    },
  }
}

interface FaultRun {
  readonly action: Action
  readonly done: string
  readonly mend: Action
  readonly target: string
  readonly flags: FaultFlags
}

async function runFault(shell: Shell, run: FaultRun): Promise<number> {
  const { powers, found } = openCluster(shell, run.flags)
  const control = demandControl(powers, found)
  const inject = () => control.act(run.action, run.target)
  try {
    const before = await control.status()
    const isFatal = endsQuorum(before, run.target)
    if (!run.flags.measure || !isMeasured(run.target) || !before.quorum || isFatal) {
      const acted = await inject()
      if (isFatal && !run.flags.json)
        shell.stdout.write(' ! no quorum is left: writes wait until a member is back\n')
      shell.stdout.write(
        run.flags.json
          ? `${JSON.stringify({ v: 1, ...actedFields(acted) })}\n`
          : actedText(run, acted, nameFlag(found)),
      )
      return exitCodes.ok
    }
    const { measureFault } = await import('./measured-fault.ts')
    const report = await measureFault(powers, found, inject)
    const status = await control.status()
    if (run.flags.json) {
      const { acted, ...figures } = report
      const after = { leader: status.leader, quorum: status.quorum, toleratesLosing: status.toleratesLosing }
      shell.stdout.write(`${JSON.stringify({ v: 1, ...actedFields(acted), ...figures, ...after })}\n`)
    } else {
      const leader = status.members.find((row) => row.name === status.leader)
      shell.stdout.write(
        reportText(run, report, leader ? `${leader.name} leads term ${leader.term}` : 'nobody leads'),
      )
      shell.stdout.write(
        `   can lose ${status.toleratesLosing} more · bring it back:  skedia ${run.mend} ${report.acted.name}${nameFlag(found)}\n`,
      )
    }
    return verdict(report)
  } finally {
    control.close()
  }
}

/** Nobody needs to measure how long writes stay away when they cannot come back. */
function endsQuorum(status: ClusterStatus, target: string): boolean {
  if (!status.quorum || status.toleratesLosing > 0) return false
  return target === 'leader' || status.members.some((row) => row.name === target && row.healthy)
}

/** Store members and what lies between kubectl and the store. */
function isMeasured(target: string): boolean {
  return target === 'leader' || /^[maf]\d+$/.test(target)
}

function actedFields(acted: Acted) {
  const { action, name, kind, pid, role, term } = acted
  return { type: action, name, kind, pid, role, term }
}

function actedText(run: FaultRun, acted: Acted, flag: string): string {
  const pid = acted.pid === null ? '' : ` (pid ${acted.pid})`
  return ` ✓ ${acted.name}${pid} ${run.done} · bring it back:  skedia ${run.mend} ${acted.name}${flag}\n`
}

function reportText(run: FaultRun, report: FaultReport, leader: string): string {
  const { acted } = report
  const role = acted.role === null ? '' : ` (${acted.role}, term ${acted.term})`
  const lines = [`  ${clock(0)}  ${acted.name}${role} ${run.done}`]
  if (report.failoverMs !== null)
    lines.push(`  ${clock(report.failoverMs)}  writes flow through the store    ${leader}`)
  if (report.apiFailoverMs !== null)
    lines.push(`  ${clock(report.apiFailoverMs)}  writes flow through kubectl's address`)
  const verdictText = report.recovered
    ? `${report.failoverMs} ms · ${report.delayed} writes delayed · ${report.lost} lost · ${report.duplicated} duplicated`
    : 'writes did not come back within 20 s'
  const mark = report.recovered && report.lost === 0 && report.duplicated === 0 ? '✓' : '✗'
  return `${lines.join('\n')}\n ${mark} failover ${verdictText}\n`
}

/** `00.382`: seconds since the fault. */
function clock(ms: number): string {
  return (ms / 1000).toFixed(3).padStart(6, '0')
}

function verdict(report: FaultReport): number {
  if (report.lost > 0 || report.duplicated > 0) {
    throw new CliError({
      code: 'E_WRITE_LOST',
      message: `${report.acted.action} ${report.acted.name} broke a promise of the store`,
      found: `${report.lost} acknowledged writes lost, ${report.duplicated} applied twice`,
      fixes: [{ command: 'skedia logs', why: 'keep them: this is a bug' }],
    })
  }
  return report.recovered ? exitCodes.ok : exitCodes.noQuorum
}
