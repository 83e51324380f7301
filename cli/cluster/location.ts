/** Where clusters lie on this machine, and which of them a verb means. */
import type { Files } from '../../platform/files.ts'
import { CliError } from '../cli-error.ts'
import type { Shell } from '../shell.ts'
import { type ClusterFile, clusterPaths, readClusterFile } from './cluster-file.ts'

export const defaultName = 'skedia'

/** A cluster's directory together with what it says. */
export interface FoundCluster {
  readonly dir: string
  readonly cluster: ClusterFile
}

/** `$XDG_STATE_HOME/skedia`, or `~/.local/state/skedia`. */
export function stateHome(shell: Shell): string {
  const home = shell.env['XDG_STATE_HOME'] || `${shell.env['HOME'] || '/root'}/.local/state`
  return `${home}/skedia`
}

/** The directory of the cluster that the flags name, whether it exists or not. @throws CliError on a bad name */
export function clusterDir(
  shell: Shell,
  flags: { readonly name?: string | undefined; readonly dir?: string | undefined },
): string {
  if (flags.dir !== undefined) return absolute(shell, flags.dir)
  const name = flags.name ?? defaultName
  if (!/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) {
    throw new CliError({
      code: 'E_USAGE',
      message: `"${name}" cannot be the name of a cluster`,
      found: 'a name has up to 40 of a-z, 0-9 and "-", and begins and ends with a letter or digit',
      fixes: [{ command: 'skedia up --name blue' }],
    })
  }
  return `${stateHome(shell)}/${name}`
}

/** The cluster that the flags name. @throws CliError E_NO_CLUSTER when there is none */
export function findCluster(
  shell: Shell,
  files: Files,
  flags: { readonly name?: string | undefined; readonly dir?: string | undefined },
): FoundCluster {
  const dir = clusterDir(shell, flags)
  const cluster = readClusterFile(files, dir)
  if (cluster !== undefined) return { dir, cluster }
  const others = allClusters(shell, files).map((found) => found.cluster.name)
  throw new CliError({
    code: 'E_NO_CLUSTER',
    message: `there is no cluster ${flags.name ?? defaultName}`,
    found: `nothing in ${clusterPaths(dir).clusterFile}`,
    fixes: [
      {
        command: `skedia up${flags.name === undefined ? '' : ` --name ${flags.name}`}`,
        why: 'makes and starts one',
      },
      ...(others.length > 0
        ? [{ command: `… --name ${others[0]}`, why: `there is ${others.join(', ')}` }]
        : []),
    ],
  })
}

/** Every cluster below the state directory, by name; a directory that cannot be read as one is left out. */
export function allClusters(shell: Shell, files: Files): readonly FoundCluster[] {
  const home = stateHome(shell)
  if (!files.exists(home)) return []
  return files.list(home).flatMap((name) => {
    const dir = `${home}/${name}`
    try {
      const cluster = readClusterFile(files, dir)
      return cluster === undefined ? [] : [{ dir, cluster }]
    } catch {
      return [] // not ours, or of another version: `up` on it says which
    }
  })
}

function absolute(shell: Shell, path: string): string {
  const joined = path.startsWith('/') ? path : `${shell.cwd}/${path}`
  return joined.length > 1 ? joined.replace(/\/+$/, '') : joined
}
