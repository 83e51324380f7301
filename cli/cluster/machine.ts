/** What this machine can do for pods: real containers need root, runc and a handful of tools. */
import type { Files } from '../../platform/files.ts'
import type { Shell } from '../shell.ts'
import { CliError } from '../cli-error.ts'
import type { ClusterFile, RuntimeChoice } from './cluster-file.ts'

/** Program and the Debian package that has it. */
const programs: readonly (readonly [string, string])[] = [
  ['runc', 'runc'],
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  ['nsenter', 'util-linux'],
  ['mount', 'mount'],
]
const pluginDirs = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni']

const askedForFake = 'asked for with --runtime fake'

/** What was asked for when the cluster was last started, for a start that asks for nothing. */
export function runtimeWishOf(existing: ClusterFile | undefined): string {
  return existing?.runtime.reason === askedForFake ? 'fake' : 'auto'
}

/** Which runtime the nodes get. @throws CliError when runc was demanded and something is missing */
export function chooseRuntime(shell: Shell, files: Files, wished: string): RuntimeChoice {
  if (wished === 'fake') return { kind: 'fake', reason: askedForFake }
  const missing = missingForRunc(shell, files)
  if (missing.length === 0) return { kind: 'runc' }
  const reason = `${missing.join(', ')} missing`
  if (wished !== 'runc') return { kind: 'fake', reason }
  throw new CliError({
    code: 'E_PERMISSION',
    message: 'cannot run pods with runc',
    found: reason,
    fixes: [
      { command: `sudo ${shell.entry} up --runtime runc`, why: 'as root' },
      {
        command: 'apt-get install runc iproute2 nftables containernetworking-plugins',
        why: 'what real pods need',
      },
      { command: 'skedia up --runtime fake', why: 'pods that only pretend to run' },
    ],
  })
}

/** Whether a program is on the PATH, without starting one. */
export function hasProgram(shell: Shell, files: Files, name: string): boolean {
  const path = shell.env['PATH'] || '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  return path.split(':').some((directory) => directory !== '' && files.exists(`${directory}/${name}`))
}

function missingForRunc(shell: Shell, files: Files): readonly string[] {
  const tools = programs.filter(([name]) => !hasProgram(shell, files, name)).map(([name]) => name)
  const hasPlugins = pluginDirs.some((directory) => files.exists(`${directory}/bridge`))
  return [
    ...(shell.uid === 0 ? [] : ['root']),
    ...tools,
    ...(hasPlugins ? [] : ['the CNI plugins (containernetworking-plugins)']),
    ...(files.exists('/sys/fs/cgroup') ? [] : ['cgroups']),
  ]
}
