/** The flags of Lease leader election, as kube-controller-manager and kube-scheduler have them. */
import { type Command, InvalidArgumentError } from 'commander'

export interface LeaderElectionFlags {
  readonly identity: string
  readonly leaderElectLeaseDuration: number
  readonly leaderElectRenewDeadline: number
  readonly leaderElectRetryPeriod: number
}

/** Adds `--identity` and the three `--leader-elect-…` durations. */
export function addLeaderElectionFlags(command: Command, identity: string): Command {
  return command
    .option('--identity <name>', 'who this replica is among its stand-bys', identity)
    .option(
      '--leader-elect-lease-duration <duration>',
      'how long a Lease holds without renewal',
      parseDuration,
      15_000,
    )
    .option(
      '--leader-elect-renew-deadline <duration>',
      'a leader that could not renew for so long steps down',
      parseDuration,
      10_000,
    )
    .option('--leader-elect-retry-period <duration>', 'between two attempts', parseDuration, 2_000)
}

/** The timings in milliseconds, by the names that the components know them by. */
export function leaderElectionTimingsOf(flags: LeaderElectionFlags) {
  return {
    leaseDurationMs: flags.leaderElectLeaseDuration,
    renewDeadlineMs: flags.leaderElectRenewDeadline,
    retryPeriodMs: flags.leaderElectRetryPeriod,
  }
}

/** Go's `15s`, `500ms`, `1m`, in milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  const unit = match?.[2]
  if (match === null || (unit !== 'ms' && unit !== 's' && unit !== 'm' && unit !== 'h')) {
    throw new InvalidArgumentError('expected a duration such as 500ms, 15s or 1m.')
  }
  return Number(match[1]) * unitMs[unit]
}
