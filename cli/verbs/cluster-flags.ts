/** The flags by which a verb says which cluster it means, and the powers and the cluster that follow from them. */
import type { Command } from 'commander'
import { createNodePowers } from '../../platform/node/powers.ts'
import type { Powers } from '../../platform/powers.ts'
import { type FoundCluster, findCluster } from '../cluster/location.ts'
import type { Shell } from '../shell.ts'

export interface ClusterFlags {
  readonly name?: string
  readonly dir?: string
}

/** Adds `--name` and `--dir`. */
export function addClusterFlags(command: Command): Command {
  return command
    .option('--name <name>', 'which cluster (default: skedia)')
    .option('--dir <path>', 'the directory of the cluster, where it is not the usual one')
}

/** The cluster that the flags name, and powers to reach it. @throws CliError E_NO_CLUSTER */
export function openCluster(
  shell: Shell,
  flags: ClusterFlags,
): { readonly powers: Powers; readonly found: FoundCluster } {
  const powers = createNodePowers({ component: 'cli', logLevel: 'silent' })
  return { powers, found: findCluster(shell, powers.files, flags) }
}

/** ` --name x`, or nothing for the default cluster: to make commands that can be pasted. */
export function nameFlag(found: FoundCluster): string {
  return found.cluster.name === 'skedia' ? '' : ` --name ${found.cluster.name}`
}
