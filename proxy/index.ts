/** The front door of the proxy. */
export { createFakeKernelRules, type FakeKernelRules, type KernelRules } from './kernel-rules.ts'
export { createKernelRules } from './node-kernel-rules.ts'
export {
  type Proxy,
  type ProxyConfig,
  type ProxyHealth,
  type ProxyMode,
  type ProxyPowers,
  removeProxyRules,
  startProxy,
} from './proxy.ts'
