/** Writes the files that a cluster's processes and users read beside `cluster.json`: kubeconfigs and the fault token. */
import type { Files } from '../../platform/files.ts'
import { type ClusterFile, clusterPaths, portOf, processesOfKind, processNamed } from './cluster-file.ts'
import { kubeconfigText } from './kubeconfig-file.ts'

/** kubectl's address: the front. */
export function endpointOf(cluster: ClusterFile): string {
  const front = processNamed(cluster, 'f1')
  return `https://${front.host}:${portOf(front, 'secure')}`
}

/** Writes what is missing or changed. The certificates must be there. */
export function writeConfiguration(
  files: Files,
  options: { readonly dir: string; readonly cluster: ClusterFile; readonly faultToken: string },
): void {
  const { dir, cluster } = options
  const paths = clusterPaths(dir)
  const server = endpointOf(cluster)
  const identities = [
    'controller-manager',
    'scheduler',
    ...processesOfKind(cluster, 'proxy').map((spec) => spec.name),
    ...processesOfKind(cluster, 'kubelet').flatMap((spec) => spec.node ?? []),
    ...Array.from({ length: cluster.shape.fakeNodes }, (_, i) => `fake-${i + 1}`),
  ]
  for (const name of identities) {
    const credentials = {
      type: 'files' as const,
      ca: `${paths.pki}/ca.crt`,
      certificate: `${paths.pki}/${name}.crt`,
      key: `${paths.pki}/${name}.key`,
    }
    writeIfChanged(
      files,
      `${paths.pki}/${name}.kubeconfig`,
      kubeconfigText({ name, server, credentials }, 'json'),
    )
  }
  writeIfChanged(files, paths.kubeconfig, adminKubeconfig(files, dir, cluster))
  files.write(`${paths.run}/fault-token`, options.faultToken, { mode: 0o600 })
}

function adminKubeconfig(files: Files, dir: string, cluster: ClusterFile): string {
  const { pki } = clusterPaths(dir)
  return kubeconfigText({
    name: cluster.name === 'skedia' ? 'skedia' : `skedia-${cluster.name}`,
    server: endpointOf(cluster),
    credentials: {
      type: 'embedded',
      ca: files.readText(`${pki}/ca.crt`),
      certificate: files.readText(`${pki}/admin.crt`),
      key: files.readText(`${pki}/admin.key`),
    },
  })
}

function writeIfChanged(files: Files, path: string, text: string): void {
  if (files.exists(path) && files.readText(path) === text) return
  files.write(path, text, { mode: 0o600 })
}
