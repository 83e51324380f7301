/** The front door of the simulated powers. */
export { simTokenKey } from './crypto.ts'
export type { SimDisk } from './disk.ts'
export { simIdentity } from './network/identity.ts'
export type { EventOwner } from './event-loop.ts'
export { type SimMachine, type SimProcess, SimWorld, type Violation } from './world.ts'
