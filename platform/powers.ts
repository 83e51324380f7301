/**
 * All powers that a component is built from, in one place. A room takes what it needs by constructor
 * argument and keeps no module state, so that two clusters, or two thousand seeds, live in one process.
 */
import type { Clock } from './clock.ts'
import type { Crypto } from './crypto.ts'
import type { Disk } from './disk.ts'
import type { Files } from './files.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Network } from './network.ts'
import type { Processes } from './processes.ts'
import type { Random } from './random.ts'

export interface Powers {
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly disk: Disk
  readonly files: Files
  readonly network: Network
  readonly processes: Processes
  readonly log: Log
  readonly metrics: Metrics
  /**
   * Called with a bug or an unbearable error (failed assertion, failed fsync). In a process it logs and
   * exits with 70; in the harness it fails the run; in `startCluster()` it rejects the cluster. The
   * component must do nothing more after it.
   */
  readonly fatal: (error: Error) => void
}

/** What every component's front door gives back once it serves. */
export interface Component {
  /** Stops in order, releasing what it holds (Leases, sockets, locks). Idempotent; resolves when all tasks have ended. */
  close(): Promise<void>
}
