/**
 * Whole members (core, WAL, transport, driver) in a simulated world, with a client that remembers what it was
 * promised.
 */
import { assert } from '../../platform/assert.ts'
import type { Random } from '../../platform/random.ts'
import { pick } from '../../platform/random.ts'
import { type SimMachine, type SimProcess, SimWorld, simIdentity } from '../../platform/sim/index.ts'
import type { AppliedEntry } from '../state-machine.ts'
import type { LeadershipChange, RaftMember, RaftNode } from '../raft-node.ts'
import type { Term } from '../types.ts'
import { toMemberId } from '../types.ts'
import { openRaftNode } from './open-raft-node.ts'
import { FakeDisk, FakeStateMachine } from './state-machine.fixture.ts'
import type { RaftTuning } from './tuning.ts'

/** Small logs and segments, so that a short run sees checkpoints, releases and snapshots. */
const smallTuning: Partial<RaftTuning> = {
  walSegmentBytes: 16 * 1024,
  snapshotEntries: 100,
  catchUpEntries: 50,
  snapshotChunkBytes: 256,
}

export class SimMember {
  readonly cluster: SimCluster
  readonly member: RaftMember
  readonly machine: SimMachine
  stateDisk = new FakeDisk()
  process: SimProcess | undefined
  node: RaftNode | undefined
  stateMachine: FakeStateMachine | undefined
  /** Why the last start was refused. */
  refusal: Error | undefined
  readonly changes: LeadershipChange[] = []

  constructor(cluster: SimCluster, member: RaftMember) {
    this.cluster = cluster
    this.member = member
    this.machine = cluster.world.machine(member.name)
  }

  get isUp(): boolean {
    return this.process !== undefined
  }

  get isLeader(): boolean {
    return this.process?.isPaused === false && this.node?.status().role === 'leader'
  }

  start(): void {
    const { world, tuning, members } = this.cluster
    const { name, id, peerAddress } = this.member
    const process = world.startProcess({ name, machine: this.machine })
    const stateMachine = new FakeStateMachine(process.powers.clock, this.stateDisk)
    this.process = process
    this.stateMachine = stateMachine
    this.refusal = undefined
    stateMachine.onApply = (entries) => this.cluster.applied(this, entries)
    openRaftNode({
      powers: process.powers,
      id,
      clusterId: 'c0ffee',
      directory: '/data',
      members: members.map((other) => other.member),
      listenPeer: peerAddress,
      tls: simIdentity('peers', name),
      stateMachine,
      tuning,
    }).then(
      (node) => {
        if (process !== this.process) return
        this.node = node
        node.onLeadershipChange = (change) => this.changes.push(change)
      },
      (error: unknown) => {
        if (process === this.process) this.refusal = error instanceof Error ? error : new Error(String(error))
      },
    )
  }

  /** SIGKILL: what the operating system was given stays. */
  kill(): void {
    if (this.process) this.cluster.world.kill(this.process)
    this.#gone()
  }

  /** The machine loses power: what was not synced is lost, in the state machine too. */
  cutPower(): void {
    this.cluster.world.cutPower(this.machine)
    this.#gone()
  }

  #gone(): void {
    this.process = undefined
    this.node = undefined
    this.stateMachine = undefined
  }
}

/** A command that a client sent, and what became of it. */
interface Sent {
  readonly text: string
  readonly term: Term
}

export class SimCluster {
  readonly world: SimWorld
  readonly tuning: Partial<RaftTuning>
  readonly members: readonly SimMember[]
  /** Commands acknowledged to the client, in order. */
  readonly acknowledged: string[] = []
  readonly ackTimesMs: number[] = []
  readonly #sent = new Map<string, Sent>()
  #lastCommand = 0

  constructor(options: { seed: bigint; size: number; tuning?: Partial<RaftTuning> }) {
    this.world = new SimWorld(options.seed)
    this.tuning = { ...smallTuning, ...options.tuning }
    const members = Array.from({ length: options.size }, (_, i) => {
      const name = `m${i + 1}`
      return { id: toMemberId(`000000000000000${i + 1}`), name, peerAddress: { host: name, port: 2380 } }
    })
    this.members = members.map((member) => new SimMember(this, member))
    for (const member of this.members) member.start()
  }

  leader(): SimMember | undefined {
    const leaders = this.members.filter((member) => member.isLeader)
    return leaders.sort((a, b) => (b.node?.status().term ?? 0) - (a.node?.status().term ?? 0))[0]
  }

  /** Waits for a leader that has committed in its term. @returns it */
  async awaitLeader(timeoutMs = 5000): Promise<SimMember> {
    const isReady = () =>
      this.leader()
        ?.node?.status()
        .progress.some(({ state }) => state === 'replicate')
    const isAlone = this.members.length === 1
    const found = await this.world.runUntil(
      () => (isAlone ? this.leader() !== undefined : isReady() === true),
      timeoutMs,
    )
    const leader = this.leader()
    assert(found && leader !== undefined, () => `no leader within ${timeoutMs} ms: ${this.describe()}`)
    return leader
  }

  /** Sends one command to whoever leads; false when nobody took it. */
  send(to: SimMember | undefined = this.leader()): boolean {
    this.#lastCommand += 1
    const text = `c${this.#lastCommand}`
    const result = to?.node?.propose(new TextEncoder().encode(text))
    if (!result?.accepted) return false
    this.#sent.set(`${result.index}/${result.term}`, { text, term: result.term })
    return true
  }

  /** An entry of the very term in which it was proposed is applied at its index: the client gets its answer. */
  applied(member: SimMember, entries: readonly AppliedEntry[]): void {
    if (!member.isLeader) return
    for (const { entry } of entries) {
      const key = `${entry.index}/${entry.term}`
      const sent = this.#sent.get(key)
      if (!sent) continue
      this.#sent.delete(key)
      this.acknowledged.push(sent.text)
      this.ackTimesMs.push(this.world.nowMs)
    }
  }

  /** Sends a command every `everyMs` for `durationMs`. */
  async load(durationMs: number, everyMs: number): Promise<void> {
    const endMs = this.world.nowMs + durationMs
    while (this.world.nowMs < endMs && this.world.violations.length === 0) {
      this.send()
      await this.world.run(everyMs)
    }
  }

  /** Cuts all links of a machine in both directions, in silence. */
  isolate(member: SimMember): void {
    for (const other of this.members) {
      if (other === member) continue
      this.world.network.links.cut(member.member.name, other.member.name)
      this.world.network.links.cut(other.member.name, member.member.name)
    }
  }

  heal(): void {
    for (const a of this.members) {
      for (const b of this.members) if (a !== b) this.world.network.links.heal(a.member.name, b.member.name)
    }
  }

  /** Everyone is up and connected, and has applied the same. */
  async settle(timeoutMs = 10_000): Promise<void> {
    this.heal()
    for (const member of this.members) {
      if (member.process?.isPaused) this.world.resume(member.process)
      if (!member.isUp) member.start()
    }
    await this.awaitLeader(timeoutMs)
    this.send()
    const agree = () => {
      const indexes = this.members.map(({ node }) => node?.status().appliedIndex)
      const last = this.leader()?.node?.status().lastIndex
      return last !== undefined && indexes.every((index) => index === last)
    }
    const found = await this.world.runUntil(agree, timeoutMs)
    assert(found, () => `the members do not agree within ${timeoutMs} ms: ${this.describe()}`)
  }

  /** Nothing acknowledged is lost, doubled or moved, and all members hold the same. */
  check(): void {
    assert(this.world.violations.length === 0, () => JSON.stringify(this.world.violations))
    const [first, ...others] = this.members.map(({ stateMachine }) => stateMachine?.commands ?? [])
    for (const other of others) assert(other.join() === first?.join(), 'the members hold different commands')
    const places = new Map((first ?? []).map((text, i) => [text, i]))
    assert(places.size === first?.length, 'a command was applied twice')
    let last = -1
    for (const text of this.acknowledged) {
      const place = places.get(text)
      assert(place !== undefined, () => `acknowledged command ${text} is lost`)
      assert(place > last, () => `acknowledged command ${text} was reordered`)
      last = place
    }
  }

  describe(): string {
    return this.members
      .map(({ member, node, refusal }) => {
        const status = node?.status()
        if (!status) return `${member.name} down ${refusal?.message ?? ''}`
        const { role, term, commitIndex, appliedIndex, lastIndex } = status
        return `${member.name} ${role} term ${term} applied ${appliedIndex} commit ${commitIndex} last ${lastIndex}`
      })
      .join('; ')
  }

  /** One random fault. */
  async misfortune(random: Random): Promise<void> {
    const member = pick(random, this.members)
    const kind = random.int(6)
    if (!member.isUp) member.start()
    else if (kind === 0) member.kill()
    else if (kind === 1) member.cutPower()
    else if (kind === 2 && member.process) {
      const { process } = member
      this.world.pause(process)
      await this.load(random.int(900), 7)
      this.world.resume(process)
    } else if (kind === 3) {
      this.isolate(member)
      await this.load(random.int(900), 7)
      this.heal()
    } else if (kind === 4) {
      const other = pick(random, this.members)
      if (other !== member) this.world.network.links.cut(member.member.name, other.member.name)
    } else this.heal()
  }
}
