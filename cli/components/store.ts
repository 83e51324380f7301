/** `skedia store`: one member of the replicated store, with etcd's flags. */
import { InvalidArgumentError } from 'commander'
import type { Address } from '../../platform/network.ts'
import { createNodeFiles } from '../../platform/node/files.ts'
import { startStoreMember, type StoreMember } from '../../store/index.ts'
import { readIdentity } from '../cluster/pki.ts'
import { createSilentNetwork, type SilentNetwork } from '../faults/silent-network.ts'
import type { Shell } from '../shell.ts'
import type { Verb } from '../verb.ts'
import { addComponentFlags, type ComponentFlags, parseUrl, readFlagFile } from './component-flags.ts'
import { runComponent, startError } from './run-component.ts'

interface StoreFlags extends ComponentFlags {
  readonly name: string
  readonly dataDir: string
  readonly listenClientUrls: Address
  readonly listenPeerUrls: Address
  readonly initialCluster: readonly { readonly name: string; readonly address: Address }[]
  readonly initialClusterToken: string
  readonly certFile: string
  readonly keyFile: string
  readonly trustedCaFile: string
  readonly peerCertFile: string
  readonly peerKeyFile: string
  readonly peerTrustedCaFile: string
  readonly heartbeatInterval?: number
  readonly electionTimeout?: number
  readonly snapshotCount?: number
  readonly quotaBackendBytes?: number
  readonly faultTokenFile?: string
}

/** The verb. */
export const store: Verb = {
  define: (command, choose) => {
    command
      .requiredOption('--name <name>', "this member's name")
      .requiredOption('--data-dir <path>', 'where its log and its data lie')
      .requiredOption('--listen-client-urls <url>', 'where clients connect (one https URL)', parseUrl)
      .requiredOption('--listen-peer-urls <url>', 'where the other members connect (one https URL)', parseUrl)
      .requiredOption('--initial-cluster <name=url,…>', 'every member, this one too', parseMembers)
      .requiredOption(
        '--initial-cluster-token <token>',
        'the same for all members of a cluster, for no other',
      )
      .requiredOption('--cert-file <file>', 'certificate for clients')
      .requiredOption('--key-file <file>', 'its key')
      .requiredOption('--trusted-ca-file <file>', 'who issues the certificates of clients')
      .requiredOption('--peer-cert-file <file>', 'certificate among members')
      .requiredOption('--peer-key-file <file>', 'its key')
      .requiredOption('--peer-trusted-ca-file <file>', 'who issues the certificates of members')
      .option('--heartbeat-interval <ms>', 'between heartbeats of the leader', positive)
      .option('--election-timeout <ms>', 'silence after which a member asks for votes', positive)
      .option('--snapshot-count <entries>', 'log entries between two snapshots', positive)
      .option('--quota-backend-bytes <bytes>', 'size at which writes are refused', positive)
      .option(
        '--fault-token-file <file>',
        'lets whoever knows the token cut its links, through the health endpoint',
      )
    addComponentFlags(command).action(() => choose((shell) => runStore(shell, command.opts<StoreFlags>())))
  },
}

function positive(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new InvalidArgumentError('expected a whole number above 0.')
}

function parseMembers(text: string): StoreFlags['initialCluster'] {
  return text.split(',').map((entry) => {
    const at = entry.indexOf('=')
    if (at < 1) throw new InvalidArgumentError(`expected <name>=https://<ip>:<port>, found ${entry}.`)
    return { name: entry.slice(0, at), address: parseUrl(entry.slice(at + 1)) }
  })
}

async function runStore(shell: Shell, flags: StoreFlags): Promise<number> {
  const files = createNodeFiles()
  let links: SilentNetwork | undefined
  const token =
    flags.faultTokenFile === undefined
      ? undefined
      : readFlagFile(files, '--fault-token-file', flags.faultTokenFile)
  const [tls, peerTls] = identitiesOf(flags, files)
  return runComponent({
    shell,
    name: flags.name,
    flags,
    actionToken: token,
    actions: new Map([
      ['cut', () => links?.cut()],
      ['heal', () => links?.heal()],
    ]),
    wrap: (powers) => {
      if (token === undefined) return powers
      links = createSilentNetwork(powers.network, powers.clock)
      return { ...powers, network: links.network }
    },
    start: async (powers) => {
      const member = await startStoreMember(powers, {
        name: flags.name,
        dataDir: flags.dataDir,
        initialCluster: flags.initialCluster,
        initialClusterToken: flags.initialClusterToken,
        listenClient: flags.listenClientUrls,
        listenPeer: flags.listenPeerUrls,
        tls,
        peerTls,
        backend: 'level',
        ...(flags.quotaBackendBytes === undefined ? {} : { quotaBackendBytes: flags.quotaBackendBytes }),
        raftTuning: tuningOf(flags),
      })
      return describe(member)
    },
  })
}

function identitiesOf(flags: StoreFlags, files: ReturnType<typeof createNodeFiles>) {
  try {
    return [
      readIdentity(files, { ca: flags.trustedCaFile, certificate: flags.certFile, key: flags.keyFile }),
      readIdentity(files, {
        ca: flags.peerTrustedCaFile,
        certificate: flags.peerCertFile,
        key: flags.peerKeyFile,
      }),
    ] as const
  } catch (error) {
    throw startError(flags.name, error)
  }
}

function tuningOf(flags: StoreFlags) {
  return {
    ...(flags.heartbeatInterval === undefined ? {} : { heartbeatMs: flags.heartbeatInterval }),
    ...(flags.electionTimeout === undefined ? {} : { electionTimeoutMs: flags.electionTimeout }),
    ...(flags.snapshotCount === undefined ? {} : { snapshotEntries: flags.snapshotCount }),
  }
}

function describe(member: StoreMember) {
  return {
    close: () => member.close(),
    isLeading: () => member.status().role === 'leader',
    detail: () => member.status(),
  }
}
