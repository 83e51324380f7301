/**
 * The files that every container gets: /etc/hosts, /etc/resolv.conf, its hostname. Pure.
 * Source: kubelet `kubelet_pods.go` (ensureHostsFile, GeneratePodHostNameAndDomain), `network/dns`.
 */
import type { Pod } from '../../api/types.ts'

/** At most 63 characters, not ending in `-` or `.`. */
export function hostnameOf(pod: Pod, nodeName: string): string {
  if (pod.spec?.hostNetwork === true) return nodeName
  const wanted = pod.spec?.hostname || pod.metadata.name || 'pod'
  return wanted.slice(0, 63).replace(/[-.]+$/, '')
}

export function hostsFile(options: {
  readonly pod: Pod
  readonly podIP: string
  readonly hostname: string
  readonly clusterDomain: string
}): string {
  const { pod, podIP, hostname, clusterDomain } = options
  const subdomain = pod.spec?.subdomain
  const full = subdomain ? `${hostname}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}\t` : ''
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...(podIP === '' ? [] : [`${podIP}\t${full}${hostname}`]),
  ]
  const aliases = (pod.spec?.hostAliases ?? []).map(
    (alias) => `${alias.ip}\t${(alias.hostnames ?? []).join('\t')}`,
  )
  if (aliases.length > 0) lines.push('', '# Entries added by HostAliases.', ...aliases)
  return `${lines.join('\n')}\n`
}

export interface ResolvConfOptions {
  readonly pod: Pod
  readonly clusterDns: readonly string[]
  readonly clusterDomain: string
  /** The node's own. */
  readonly nodeText: string
}

/** By dnsPolicy and dnsConfig. Without a cluster DNS every policy is the node's. */
export function resolvConf(options: ResolvConfOptions): string {
  const { pod, clusterDns, clusterDomain } = options
  const policy = pod.spec?.dnsPolicy ?? 'ClusterFirst'
  const isCluster =
    clusterDns.length > 0 &&
    (policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && pod.spec?.hostNetwork !== true))
  const node = parse(options.nodeText)
  const namespace = pod.metadata.namespace ?? 'default'
  const base =
    policy === 'None'
      ? { servers: [], searches: [], settings: [] }
      : isCluster
        ? {
            servers: clusterDns,
            searches: [
              `${namespace}.svc.${clusterDomain}`,
              `svc.${clusterDomain}`,
              clusterDomain,
              ...node.searches,
            ],
            settings: ['ndots:5'],
          }
        : node
  const own = pod.spec?.dnsConfig
  const servers = unique([...base.servers, ...(own?.nameservers ?? [])]).slice(0, 3)
  const searches = unique([...base.searches, ...(own?.searches ?? [])]).slice(0, 32)
  const named = new Map(base.settings.map((setting) => [setting.split(':')[0] ?? '', setting]))
  for (const option of own?.options ?? []) {
    named.set(
      option.name ?? '',
      option.value === undefined ? (option.name ?? '') : `${option.name}:${option.value}`,
    )
  }
  const settings = [...named.values()]
  return [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    ...(settings.length > 0 ? [`options ${settings.join(' ')}`] : []),
    '',
  ].join('\n')
}

function parse(text: string): {
  servers: readonly string[]
  searches: readonly string[]
  settings: readonly string[]
} {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/))
  const rest = (word: string) => lines.filter(([first]) => first === word).flatMap(([, ...values]) => values)
  return { servers: rest('nameserver'), searches: rest('search'), settings: rest('options') }
}

function unique(items: readonly string[]): readonly string[] {
  return [...new Set(items)]
}
