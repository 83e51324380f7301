/** How components reach the API: `--kubeconfig` for who they are, `--master` for where the apiservers are. */
import { type Command, InvalidArgumentError } from 'commander'
import { type ApiClient, createApiClient, KubeconfigError, parseKubeconfig } from '../../client/index.ts'
import { createNodeFiles } from '../../platform/node/files.ts'
import type { Powers } from '../../platform/powers.ts'
import { CliError } from '../cli-error.ts'
import { readFlagFile } from './component-flags.ts'

export interface ApiAccessFlags {
  readonly kubeconfig: string
  readonly master?: readonly string[]
}

/** Adds `--kubeconfig` and `--master`. */
export function addApiAccessFlags(command: Command): Command {
  return command
    .requiredOption('--kubeconfig <file>', 'credentials, and the address of the API')
    .option(
      '--master <url,…>',
      'apiservers, tried in turn; overrides the address in the kubeconfig',
      parseServers,
    )
}

/** A client with the identity of the kubeconfig. @throws CliError */
export async function apiClientFrom(
  powers: Powers,
  flags: ApiAccessFlags,
  userAgent: string,
): Promise<ApiClient> {
  const files = createNodeFiles()
  const text = readFlagFile(files, '--kubeconfig', flags.kubeconfig)
  try {
    const context = await parseKubeconfig(text, { readFile: (path) => files.readText(path) })
    return createApiClient(powers, {
      servers: flags.master ?? [context.server],
      tls: context.tls,
      userAgent,
      ...(context.token === undefined ? {} : { bearerToken: () => context.token ?? '' }),
    })
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error
    throw new CliError({
      code: 'E_COMPONENT',
      message: `cannot use the kubeconfig ${flags.kubeconfig}`,
      found: error.message,
      fixes: [{ command: 'skedia kubeconfig', why: 'the path of one that works' }],
      cause: error,
    })
  }
}

function parseServers(text: string): readonly string[] {
  const servers = text.split(',')
  for (const server of servers) {
    if (!/^https?:\/\/[^/]+$/.test(server))
      throw new InvalidArgumentError(`expected https://<ip>:<port>, found ${server}.`)
  }
  return servers
}
