/** The front door of the kubelet. */
export {
  buildWebImages,
  type Image,
  ImageError,
  type ImageStoreConfig,
  loadImages,
  openImageStore,
  webImageNames,
} from './images/index.ts'
export { type Kubelet, startKubelet } from './kubelet.ts'
export type { KubeletConfig } from './kubelet-config.ts'
export { createLinuxNodeHost, type LinuxNodeHostOptions } from './linux-node-host.ts'
export type { NodeHost } from './node-host.ts'
export {
  createFakeNodeHost,
  type FakeNodeHost,
  type FakeNodeHostOptions,
} from './runtime/fake/fake-node-host.ts'
export { machineArchitecture } from './runtime/oci/machine.ts'
