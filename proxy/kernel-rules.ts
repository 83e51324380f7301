/**
 * The kernel's rules, as a power: the few commands that a proxy runs. The node's body runs them in the network
 * namespace of this process; a fake remembers them.
 */
import type { StaleFlow } from './stale-flows.ts'

export interface KernelRules {
  /** Runs an nft script as one transaction. @throws ProcessError, and nothing was changed */
  nft(script: string): Promise<void>
  /** `iptables-restore --noflush`. @throws ProcessError; a table that failed was not changed */
  iptablesRestore(input: string): Promise<void>
  /** The nat and filter tables as `iptables-save` shows them. @throws ProcessError */
  iptablesSave(): Promise<string>
  /** Makes the kernel forget connections; forgetting what it does not know is fine. @throws ProcessError */
  deleteFlow(flow: StaleFlow): Promise<void>
  /** Lets traffic between ports of one bridge pass the rules; false when this kernel cannot. */
  filterBridges(): Promise<boolean>
  /** Lets the kernel pass packets on between interfaces; false when it may not be changed. */
  forwardPackets(): Promise<boolean>
}

/** What a fake was told, in order. */
export interface FakeKernelRules extends KernelRules {
  readonly nftScripts: readonly string[]
  readonly iptablesInputs: readonly string[]
  readonly deletedFlows: readonly StaleFlow[]
  /** When set, `nft` (and then `iptablesRestore`) fail with it. */
  failure: Error | undefined
  /** nft does not work at all. */
  hasNft: boolean
}

/** A kernel that accepts everything: for nodes without root, and for tests. */
export function createFakeKernelRules(): FakeKernelRules {
  const nftScripts: string[] = []
  const iptablesInputs: string[] = []
  const deletedFlows: StaleFlow[] = []
  const fake: FakeKernelRules = {
    nftScripts,
    iptablesInputs,
    deletedFlows,
    failure: undefined,
    hasNft: true,
    async nft(script) {
      if (!fake.hasNft) throw new Error('Could not process rule: Operation not supported')
      if (fake.failure) throw fake.failure
      nftScripts.push(script)
    },
    async iptablesRestore(input) {
      if (fake.failure) throw fake.failure
      iptablesInputs.push(input)
    },
    iptablesSave: async () => '',
    deleteFlow: async (flow) => {
      deletedFlows.push(flow)
    },
    filterBridges: async () => true,
    forwardPackets: async () => true,
  }
  return fake
}
