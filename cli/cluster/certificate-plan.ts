/**
 * Which certificates a cluster has: a pure function of its plan. Three authorities, so that an identity of
 * one hop is worth nothing on another: `ca` for the Kubernetes API and kubelets, `store-ca` for the store's
 * clients, `peer-ca` for the store's members among themselves.
 * Source: Kubernetes "PKI certificates and requirements".
 */
import type { ClusterFile } from './cluster-file.ts'
import { processesOfKind } from './cluster-file.ts'

export type AuthorityName = 'ca' | 'store-ca' | 'peer-ca'

export const authorityNames: readonly AuthorityName[] = ['ca', 'store-ca', 'peer-ca']

/** A leaf certificate: `<name>.crt` and `<name>.key` in the cluster's `pki/`. */
export interface CertificateSpec {
  readonly name: string
  readonly authority: AuthorityName
  readonly commonName: string
  readonly organizations: readonly string[]
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
  readonly usages: readonly ('server' | 'client')[]
}

/** Every leaf, in a fixed order. */
export function planCertificates(cluster: ClusterFile): readonly CertificateSpec[] {
  return [...storeCertificates(cluster), ...controlPlaneCertificates(cluster), ...nodeCertificates(cluster)]
}

function leaf(
  spec: Partial<CertificateSpec> & Pick<CertificateSpec, 'name' | 'commonName' | 'usages'>,
): CertificateSpec {
  return { authority: 'ca', organizations: [], dnsNames: [], ipAddresses: [], ...spec }
}

function storeCertificates(cluster: ClusterFile): readonly CertificateSpec[] {
  const local = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] }
  const members = processesOfKind(cluster, 'store').flatMap(({ name }) => [
    leaf({
      name: `${name}-server`,
      authority: 'store-ca',
      commonName: name,
      usages: ['server', 'client'],
      ...local,
    }),
    leaf({
      name: `${name}-peer`,
      authority: 'peer-ca',
      commonName: name,
      usages: ['server', 'client'],
      ...local,
    }),
  ])
  const client = (name: string, commonName: string) =>
    leaf({ name, authority: 'store-ca', commonName, usages: ['client'] })
  return [...members, client('apiserver-store', 'skedia-apiserver'), client('admin-store', 'skedia-admin')]
}

function controlPlaneCertificates(cluster: ClusterFile): readonly CertificateSpec[] {
  const bridge = cluster.network ? [cluster.network.bridgeAddress] : []
  const serviceAddress = cluster.serviceCidr.replace(/\.\d+\/\d+$/, '.1')
  const client = (name: string, commonName: string, organizations: readonly string[] = []) =>
    leaf({ name, commonName, organizations, usages: ['client'] })
  return [
    leaf({
      name: 'apiserver',
      commonName: 'kube-apiserver',
      usages: ['server'],
      dnsNames: [
        'localhost',
        'kubernetes',
        ...['', '.svc', '.svc.cluster.local'].map((end) => `kubernetes.default${end}`),
      ],
      ipAddresses: ['127.0.0.1', '::1', serviceAddress, ...bridge],
    }),
    client('apiserver-kubelet', 'kube-apiserver-kubelet-client', ['system:masters']),
    client('controller-manager', 'system:kube-controller-manager'),
    client('scheduler', 'system:kube-scheduler'),
    client('admin', 'kubernetes-admin', ['system:masters']),
    client('front', 'skedia-front', ['system:monitoring']),
  ]
}

function nodeCertificates(cluster: ClusterFile): readonly CertificateSpec[] {
  const kubelets = processesOfKind(cluster, 'kubelet').flatMap(({ node, host }) =>
    node === undefined ? [] : kubeletCertificates(node, host),
  )
  const fakes = Array.from({ length: cluster.shape.fakeNodes }, (_, i) =>
    kubeletCertificates(`fake-${i + 1}`, '127.0.0.1'),
  )
  const proxies = processesOfKind(cluster, 'proxy').map(({ name }) =>
    leaf({
      name,
      commonName: 'system:kube-proxy',
      organizations: ['system:node-proxier'],
      usages: ['client'],
    }),
  )
  return [...kubelets, ...fakes.flat(), ...proxies]
}

function kubeletCertificates(node: string, host: string): readonly CertificateSpec[] {
  return [
    leaf({
      name: node,
      commonName: `system:node:${node}`,
      organizations: ['system:nodes'],
      usages: ['client'],
    }),
    leaf({
      name: `${node}-server`,
      commonName: `system:node:${node}`,
      organizations: ['system:nodes'],
      usages: ['server'],
      dnsNames: [node, 'localhost'],
      ipAddresses: [...new Set([host, '127.0.0.1'])],
    }),
  ]
}
