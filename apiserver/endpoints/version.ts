/** GET /version: Skedia presents itself as Kubernetes 1.33. `major` and `minor` are digits only. */
const kubernetesVersion = 'v1.33.0'

/** The document of /version. */
export const versionInfo = {
  major: '1',
  minor: '33',
  gitVersion: `${kubernetesVersion}+skedia0.1.0`,
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'typescript',
  platform: 'linux/amd64',
} as const
