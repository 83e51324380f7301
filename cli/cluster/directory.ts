/** A cluster's directory: made, checked, and taken for one supervisor at a time. */
import type { Disk } from '../../platform/disk.ts'
import { DiskError } from '../../platform/disk.ts'
import { type Files, FilesError } from '../../platform/files.ts'
import type { Processes } from '../../platform/processes.ts'
import { CliError } from '../cli-error.ts'
import { readControlFile } from '../supervisor/control-file.ts'
import { type ClusterFile, clusterPaths, readClusterFile } from './cluster-file.ts'

/** Directories that other clusters or tools would not have at the top. */
const ownNames = new Set(['cluster.json', 'pki', 'data', 'logs', 'nodes', 'images', 'run', 'kubeconfig'])

/** Makes the directory and what is always in it. @throws CliError E_DIR_UNWRITABLE, E_DIR_FOREIGN */
export function prepareDirectory(files: Files, dir: string): ClusterFile | undefined {
  const paths = clusterPaths(dir)
  try {
    files.makeDirectory(dir, { mode: 0o700 })
    const cluster = readClusterFile(files, dir)
    if (cluster === undefined) refuseForeign(files, dir)
    for (const path of [paths.logs, paths.data, paths.nodes, paths.images]) files.makeDirectory(path)
    files.makeDirectory(paths.run, { mode: 0o700 })
    const canary = `${paths.run}/writable`
    files.write(canary, 'yes\n')
    files.remove(canary)
    return cluster
  } catch (error) {
    if (!(error instanceof FilesError)) throw error
    throw unwritable(dir, error)
  }
}

/** Takes the cluster for this process. @throws CliError E_ALREADY_RUNNING */
export function lockDirectory(
  powers: { readonly disk: Disk; readonly files: Files; readonly processes: Processes },
  options: { readonly dir: string; readonly name: string },
): { release(): void } {
  const paths = clusterPaths(options.dir)
  const running = readControlFile(powers, paths.control)
  try {
    if (running === undefined) return powers.disk.lock(paths.run)
  } catch (error) {
    if (!(error instanceof DiskError) || error.code !== 'ELOCKED') throw error
    throw alreadyRunning(options.name, error.message)
  }
  throw alreadyRunning(options.name, `its supervisor is process ${running.pid}`)
}

function alreadyRunning(name: string, found: string): CliError {
  const flag = name === 'skedia' ? '' : ` --name ${name}`
  return new CliError({
    code: 'E_ALREADY_RUNNING',
    message: `cluster ${name} runs already`,
    found,
    fixes: [
      { command: `skedia status${flag}`, why: 'how it is' },
      { command: `skedia down${flag}`, why: 'stops it' },
      { command: 'skedia up --name other', why: 'a second cluster beside it' },
    ],
  })
}

function refuseForeign(files: Files, dir: string): void {
  const foreign = files.list(dir).filter((name) => !ownNames.has(name))
  if (foreign.length === 0) return
  throw new CliError({
    code: 'E_DIR_FOREIGN',
    message: `cannot make a cluster in ${dir}`,
    found: `it holds ${foreign.slice(0, 3).join(', ')}${foreign.length > 3 ? ', …' : ''} and no cluster.json`,
    fixes: [{ command: `skedia up --dir ${dir}/skedia`, why: 'a directory of its own' }],
  })
}

function unwritable(dir: string, error: FilesError): CliError {
  const isFull = error.code === 'ENOSPC' || error.code === 'EDQUOT'
  return new CliError({
    code: isFull ? 'E_DISK_FULL' : 'E_DIR_UNWRITABLE',
    message: `cannot write to the cluster's directory ${dir}`,
    found: error.message,
    fixes: [
      { command: 'skedia up --dir /path/with/space', why: 'another place' },
      isFull ? { command: `df -h ${dir}` } : { command: `ls -ld ${dir}`, why: 'who owns it' },
    ],
    cause: error,
  })
}
