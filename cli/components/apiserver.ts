/** `skedia apiserver`: one API server, with kube-apiserver's flags. */
import { type ApiserverConfig, startApiserver } from '../../apiserver/index.ts'
import type { Address } from '../../platform/network.ts'
import { createNodeFiles } from '../../platform/node/files.ts'
import { createStoreClient } from '../../store/client/index.ts'
import { readIdentity } from '../cluster/pki.ts'
import type { Shell } from '../shell.ts'
import type { Verb } from '../verb.ts'
import {
  addComponentFlags,
  type ComponentFlags,
  parsePort,
  parseUrls,
  readFlagFile,
} from './component-flags.ts'
import { runComponent, startError } from './run-component.ts'

interface ApiserverFlags extends ComponentFlags {
  readonly name: string
  readonly bindAddress: string
  readonly securePort: number
  readonly advertiseAddress?: string
  readonly etcdServers: readonly Address[]
  readonly etcdCafile: string
  readonly etcdCertfile: string
  readonly etcdKeyfile: string
  readonly clientCaFile: string
  readonly tlsCertFile: string
  readonly tlsPrivateKeyFile: string
  readonly kubeletCertificateAuthority: string
  readonly kubeletClientCertificate: string
  readonly kubeletClientKey: string
  readonly serviceAccountKeyFile: readonly string[]
  readonly serviceAccountSigningKeyFile: string
  readonly serviceAccountIssuer: string
  readonly serviceClusterIpRange: string
  readonly clusterDomain: string
}

/** The verb. */
export const apiserver: Verb = {
  define: (command, choose) => {
    command
      .option('--name <name>', 'this replica, in logs and Leases', 'apiserver')
      .option('--bind-address <ip,…>', 'addresses to listen on', '127.0.0.1')
      .option('--secure-port <port>', 'the port for all of them', parsePort, 6443)
      .option('--advertise-address <ip>', 'where pods reach it (default: the first bind address)')
      .requiredOption('--etcd-servers <url,…>', "the store's members", parseUrls)
      .requiredOption('--etcd-cafile <file>', "who issues the store's certificates")
      .requiredOption('--etcd-certfile <file>', 'certificate towards the store')
      .requiredOption('--etcd-keyfile <file>', 'its key')
      .requiredOption('--client-ca-file <file>', 'who issues the certificates of clients')
      .requiredOption('--tls-cert-file <file>', 'certificate towards clients')
      .requiredOption('--tls-private-key-file <file>', 'its key')
      .requiredOption('--kubelet-certificate-authority <file>', "who issues kubelets' certificates")
      .requiredOption('--kubelet-client-certificate <file>', 'certificate towards kubelets')
      .requiredOption('--kubelet-client-key <file>', 'its key')
      .requiredOption(
        '--service-account-key-file <file>',
        'public key of tokens; may be given again',
        collect,
      )
      .requiredOption('--service-account-signing-key-file <file>', 'private key of tokens')
      .option(
        '--service-account-issuer <url>',
        'issuer of tokens',
        'https://kubernetes.default.svc.cluster.local',
      )
      .option('--service-cluster-ip-range <cidr>', 'virtual addresses of Services', '10.96.0.0/16')
      .option('--cluster-domain <domain>', "the cluster's DNS domain", 'cluster.local')
    addComponentFlags(command).action(() =>
      choose((shell) => runApiserver(shell, command.opts<ApiserverFlags>())),
    )
  },
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

async function runApiserver(shell: Shell, flags: ApiserverFlags): Promise<number> {
  const credentials = readCredentials(flags)
  return runComponent({
    shell,
    name: flags.name,
    flags,
    start: async (powers) => {
      const store = createStoreClient(powers, { endpoints: flags.etcdServers, tls: credentials.storeTls })
      const bindAddresses = flags.bindAddress.split(',').map((host) => ({ host, port: flags.securePort }))
      const advertised = flags.advertiseAddress ?? bindAddresses[0]?.host ?? '127.0.0.1'
      const config: ApiserverConfig = {
        name: flags.name,
        bindAddresses,
        advertiseAddress: { host: advertised, port: flags.securePort },
        tls: credentials.tls,
        clientCa: credentials.tls.certificateAuthority,
        store,
        serviceAccountKey: credentials.serviceAccountKey,
        serviceAccountIssuer: flags.serviceAccountIssuer,
        kubeletClientTls: credentials.kubeletTls,
        serviceCidr: flags.serviceClusterIpRange,
        clusterDomain: flags.clusterDomain,
      }
      const running = await startApiserver(powers, config)
      return {
        isReady: () => running.isReady(),
        close: async () => {
          await running.close()
          await store.close()
        },
      }
    },
  })
}

function readCredentials(flags: ApiserverFlags) {
  const files = createNodeFiles()
  try {
    return {
      tls: readIdentity(files, {
        ca: flags.clientCaFile,
        certificate: flags.tlsCertFile,
        key: flags.tlsPrivateKeyFile,
      }),
      storeTls: readIdentity(files, {
        ca: flags.etcdCafile,
        certificate: flags.etcdCertfile,
        key: flags.etcdKeyfile,
      }),
      kubeletTls: readIdentity(files, {
        ca: flags.kubeletCertificateAuthority,
        certificate: flags.kubeletClientCertificate,
        key: flags.kubeletClientKey,
      }),
      serviceAccountKey: {
        privateKey: readFlagFile(
          files,
          '--service-account-signing-key-file',
          flags.serviceAccountSigningKeyFile,
        ),
        publicKeys: flags.serviceAccountKeyFile.map((path) =>
          readFlagFile(files, '--service-account-key-file', path),
        ),
      },
    }
  } catch (error) {
    throw startError(flags.name, error)
  }
}
