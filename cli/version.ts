/** Skedia's version and the Kubernetes version that it presents; kept equal to `package.json` by a test. */
export const version = '0.1.0'

/** What nodes report as `kubeletVersion` and the apiserver as `gitVersion`. */
export const kubernetesVersion = 'v1.33.0'
