/** The front door of the apiserver. */
export type { Apiserver, ApiserverConfig, ServiceAccountKey } from './config.ts'
export { startApiserver } from './server.ts'
