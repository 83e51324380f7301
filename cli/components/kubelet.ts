/**
 * `skedia kubelet`: one node agent, with the kubelet's flags. With `--fake-nodes N` one process is the agent of N
 * nodes whose pods only pretend to run; their credentials are `<kubeconfig>/fake-<i>.kubeconfig`.
 */
import { InvalidArgumentError, Option } from 'commander'
import {
  createFakeNodeHost,
  createLinuxNodeHost,
  type KubeletConfig,
  type NodeHost,
  startKubelet,
} from '../../kubelet/index.ts'
import type { TlsIdentity } from '../../platform/network.ts'
import { createNodeFiles } from '../../platform/node/files.ts'
import type { Component, Powers } from '../../platform/powers.ts'
import { readIdentity } from '../cluster/pki.ts'
import type { Shell } from '../shell.ts'
import type { Verb } from '../verb.ts'
import { kubernetesVersion } from '../version.ts'
import { addApiAccessFlags, type ApiAccessFlags, apiClientFrom } from './api-access.ts'
import { addComponentFlags, type ComponentFlags, parsePort } from './component-flags.ts'
import { runComponent, startError } from './run-component.ts'

interface KubeletFlags extends ComponentFlags, ApiAccessFlags {
  readonly hostnameOverride: string
  readonly nodeIp: string
  readonly port: number
  readonly podCidr: string
  readonly rootDir: string
  readonly imageDir: string
  readonly clusterDns?: string
  readonly clusterDomain: string
  readonly clientCaFile: string
  readonly tlsCertFile: string
  readonly tlsPrivateKeyFile: string
  readonly nodeLabels?: Readonly<Record<string, string>>
  readonly registerWithTaints?: KubeletConfig['registerWithTaints']
  readonly maxPods?: number
  readonly containerRuntime: 'runc' | 'fake'
  readonly runtimeRoot: string
  readonly cgroupRoot: string
  readonly registryMirror: Readonly<Record<string, readonly string[]>>
  readonly fakeNodes?: number
}

/** The verb. */
export const kubelet: Verb = {
  define: (command, choose) => {
    addApiAccessFlags(command)
      .option('--hostname-override <name>', "the Node object's name", 'n1')
      .option('--node-ip <ip>', "the node's address", '127.0.0.1')
      .option('--port <port>', "the kubelet's server; 0 lets the system choose", parsePort, 10_250)
      .option('--pod-cidr <cidr>', "the pods' addresses on this node", '10.244.0.0/24')
      .requiredOption('--root-dir <path>', "the node's own directory")
      .requiredOption('--image-dir <path>', 'images; nodes of one machine may share it')
      .option('--cluster-dns <ip,…>', "the pods' name servers")
      .option('--cluster-domain <domain>', "the cluster's DNS domain", 'cluster.local')
      .requiredOption('--client-ca-file <file>', 'who issues the certificates of those who may call it')
      .option('--tls-cert-file <file>', "certificate of the kubelet's server")
      .option('--tls-private-key-file <file>', 'its key')
      .option('--node-labels <key=value,…>', 'labels of the Node object', parseLabels)
      .option('--register-with-taints <key=value:effect,…>', 'taints of a new Node object', parseTaints)
      .option('--max-pods <n>', 'pods that may run here', parseCount)
      .addOption(
        new Option('--container-runtime <kind>', 'fake: pods only pretend to run')
          .choices(['runc', 'fake'])
          .default('runc'),
      )
      .option('--runtime-root <path>', 'where runc keeps its state', '/run/runc')
      .option('--cgroup-root <path>', "control group above all of this node's pods", '/skedia/node')
      .option(
        '--registry-mirror <registry=url>',
        'where to pull from instead; may be given again',
        collectMirror,
        {},
      )
      .option('--fake-nodes <n>', 'be the agent of so many pretended nodes', parseCount)
    addComponentFlags(command).action(() =>
      choose((shell) => runKubelet(shell, command.opts<KubeletFlags>())),
    )
  },
}

function parseLabels(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text.split(',').map((entry) => {
      const at = entry.indexOf('=')
      if (at < 1) throw new InvalidArgumentError(`expected <key>=<value>, found ${entry}.`)
      return [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}

function parseTaints(text: string): KubeletConfig['registerWithTaints'] {
  return text.split(',').map((entry) => {
    const match = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(entry)
    const [, key, value, effect] = match ?? []
    if (key === undefined || effect === undefined) {
      throw new InvalidArgumentError(`expected <key>=<value>:<effect>, found ${entry}.`)
    }
    return { key, effect, ...(value === undefined ? {} : { value }) }
  })
}

function parseCount(text: string): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number > 0) return number
  throw new InvalidArgumentError('expected a whole number above 0.')
}

function collectMirror(text: string, before: KubeletFlags['registryMirror']): KubeletFlags['registryMirror'] {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError(`expected <registry>=<url>, found ${text}.`)
  const registry = text.slice(0, at)
  return { ...before, [registry]: [...(before[registry] ?? []), text.slice(at + 1)] }
}

function runKubelet(shell: Shell, flags: KubeletFlags): Promise<number> {
  const isMany = flags.fakeNodes !== undefined
  return runComponent({
    shell,
    name: isMany ? 'fake' : flags.hostnameOverride,
    flags,
    start: (powers) => (isMany ? startFakes(powers, flags) : startOne(powers, flags)),
  })
}

async function startOne(powers: Powers, flags: KubeletFlags): Promise<Component> {
  const client = await apiClientFrom(powers, flags, 'skedia-kubelet')
  const host = await hostOf(powers, flags)
  const running = await startKubelet(
    powers,
    {
      ...configOf(flags),
      client,
      serverTls: serverIdentity(flags, flags.tlsCertFile, flags.tlsPrivateKeyFile),
    },
    host,
  )
  return {
    close: async () => {
      await running.close()
      client.close()
    },
  }
}

function configOf(flags: KubeletFlags): Omit<KubeletConfig, 'client' | 'serverTls'> {
  return {
    nodeName: flags.hostnameOverride,
    rootDir: flags.rootDir,
    address: flags.nodeIp,
    port: flags.port,
    podCidr: flags.podCidr,
    clusterDns: flags.clusterDns?.split(','),
    clusterDomain: flags.clusterDomain,
    nodeLabels: flags.nodeLabels,
    registerWithTaints: flags.registerWithTaints,
    maxPods: flags.maxPods,
    version: kubernetesVersion,
  }
}

async function hostOf(powers: Powers, flags: KubeletFlags): Promise<NodeHost> {
  if (flags.containerRuntime === 'fake') return createFakeNodeHost(powers, { podCidr: flags.podCidr })
  return createLinuxNodeHost(powers, {
    rootDir: flags.rootDir,
    podCidr: flags.podCidr,
    imagesDir: flags.imageDir,
    runtimeRoot: flags.runtimeRoot,
    cgroupRoot: flags.cgroupRoot,
    registryMirrors: flags.registryMirror,
  })
}

/** Every fake node with an identity, a machine and a client of its own, in one process. */
async function startFakes(powers: Powers, flags: KubeletFlags): Promise<Component> {
  const count = flags.fakeNodes ?? 0
  const started = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const nodeName = `fake-${index + 1}`
      const pki = flags.kubeconfig
      const client = await apiClientFrom(
        powers,
        { ...flags, kubeconfig: `${pki}/${nodeName}.kubeconfig` },
        'skedia-kubelet',
      )
      const podCidr = `10.${200 + Math.floor(index / 256)}.${index % 256}.0/24`
      const running = await startKubelet(
        powers,
        {
          ...configOf(flags),
          nodeName,
          podCidr,
          rootDir: `${flags.rootDir}/${nodeName}`,
          port: 0,
          client,
          serverTls: serverIdentity(flags, `${pki}/${nodeName}-server.crt`, `${pki}/${nodeName}-server.key`),
        },
        createFakeNodeHost(powers, { podCidr }),
      )
      return { running, client }
    }),
  )
  return {
    close: async () => {
      await Promise.all(started.map(({ running }) => running.close()))
      for (const { client } of started) client.close()
    },
  }
}

function serverIdentity(
  flags: KubeletFlags,
  certificate: string | undefined,
  key: string | undefined,
): TlsIdentity {
  try {
    return readIdentity(createNodeFiles(), {
      ca: flags.clientCaFile,
      certificate: certificate ?? `${flags.rootDir}/kubelet.crt`,
      key: key ?? `${flags.rootDir}/kubelet.key`,
    })
  } catch (error) {
    throw startError(flags.hostnameOverride, error)
  }
}
