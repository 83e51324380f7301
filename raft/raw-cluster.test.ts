/**
 * Random schedules against Raft's invariants: messages are dropped, doubled and reordered, disks sync late,
 * members crash and lose what was not synced, logs are compacted, leadership moves, members change.
 */
import fc from 'fast-check'
import t from 'tap'
import { assert } from '../platform/assert.ts'
import { pick, seededRandom } from '../platform/random.ts'
import type { Random } from '../platform/random.ts'
import type { SingleChange } from './conf-change.ts'
import type { RawMember } from './raw-cluster.fixture.ts'
import { RawCluster } from './raw-cluster.fixture.ts'
import type { CoreOptions } from './state.ts'
import { toMemberId } from './types.ts'

// On a busy machine the storms take longer than tap waits by default.
t.setTimeout(240_000)

const core: CoreOptions = {
  heartbeatMs: 50,
  electionTimeoutMs: 200,
  maxMessageBytes: 200,
  maxInflightMessages: 3,
  maxInflightBytes: 1000,
  maxUncommittedBytes: 10_000,
  maxApplyBytes: 200,
}

/** Which faults a run has, and how often; drawn per run, "never" included. */
interface Weather {
  readonly seed: bigint
  readonly voters: number
  readonly dropPercent: number
  readonly doublePercent: number
  readonly reorderPercent: number
  readonly crashPermille: number
  readonly lazySyncPercent: number
  readonly compactPermille: number
  readonly changePermille: number
  readonly transferPermille: number
  readonly cutPermille: number
}

const weather: fc.Arbitrary<Weather> = fc.record({
  seed: fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }),
  voters: fc.constantFrom(1, 2, 3, 4, 5),
  dropPercent: fc.constantFrom(0, 0, 2, 20),
  doublePercent: fc.constantFrom(0, 0, 5),
  reorderPercent: fc.constantFrom(0, 0, 10, 60),
  crashPermille: fc.constantFrom(0, 2, 10),
  lazySyncPercent: fc.constantFrom(0, 50, 90),
  compactPermille: fc.constantFrom(0, 5, 20),
  changePermille: fc.constantFrom(0, 0, 5),
  transferPermille: fc.constantFrom(0, 0, 5),
  cutPermille: fc.constantFrom(0, 0, 5),
})

class Storm {
  readonly cluster: RawCluster
  readonly #random: Random
  readonly #weather: Weather
  #commands = 0
  accepted = 0

  constructor(given: Weather) {
    this.#weather = given
    this.#random = seededRandom(given.seed)
    const voters = Array.from({ length: given.voters }, (_, i) => toMemberId(String(i + 1)))
    this.cluster = new RawCluster({ seed: given.seed, core, voters })
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i += 1) this.#step()
  }

  #chance(permille: number): boolean {
    return this.#random.int(1000) < permille
  }

  #step(): void {
    const { cluster } = this
    const w = this.#weather
    this.#deliverSome()
    for (const member of cluster.members.values()) {
      while (cluster.process(member)) {
        // Everything that a member has to do, it does.
      }
      if (!this.#chance(w.lazySyncPercent * 10) && member.node) this.#syncSome(member)
    }
    if (this.#random.int(4) === 0) this.#advance(this.#random.int(60))
    if (this.#random.int(3) === 0) this.#propose()
    if (this.#random.int(10) === 0) this.#read()
    if (this.#chance(w.crashPermille)) this.#crashOrRestart()
    else if (this.#chance(20)) this.#restartAll()
    if (this.#chance(w.compactPermille)) this.#checkpoint()
    if (this.#chance(w.transferPermille)) this.#transfer()
    if (this.#chance(w.changePermille)) this.#change()
    if (this.#chance(w.cutPermille)) this.#cut()
    if (this.#chance(10)) cluster.cuts.clear()
  }

  #deliverSome(): void {
    const { network } = this.cluster
    const w = this.#weather
    const count = this.#random.int(network.length + 1)
    for (let i = 0; i < count; i += 1) {
      const at = this.#random.int(100) < w.reorderPercent ? this.#random.int(network.length) : 0
      const message = network[at]
      if (!message) return
      if (this.#random.int(100) >= w.doublePercent) network.splice(at, 1)
      if (this.#random.int(100) < w.dropPercent) this.cluster.lose(message)
      else this.cluster.deliver(message)
    }
  }

  #syncSome(member: RawMember): void {
    const count = member.pendingWrites.length
    if (count > 0) this.cluster.sync(member, 1 + this.#random.int(count))
  }

  #advance(ms: number): void {
    this.cluster.nowMs += ms
    for (const { node } of this.cluster.members.values()) node?.tick(this.cluster.nowMs)
  }

  #alive(): RawMember | undefined {
    const alive = [...this.cluster.members.values()].filter(({ node }) => node)
    return alive.length > 0 ? pick(this.#random, alive) : undefined
  }

  #propose(): void {
    this.#commands += 1
    const text = `c${this.#commands}${'.'.repeat(this.#random.int(60))}`
    const result = this.#alive()?.core.propose(new TextEncoder().encode(text))
    if (result?.accepted) this.accepted += 1
  }

  #read(): void {
    const member = this.#alive()
    if (member) this.cluster.read(member)
  }

  #crashOrRestart(): void {
    const member = pick(this.#random, [...this.cluster.members.values()])
    if (member.node) this.cluster.crash(member, this.#random.int(member.pendingWrites.length + 1))
    else this.cluster.start(member)
  }

  #restartAll(): void {
    for (const member of this.cluster.members.values()) if (!member.node) this.cluster.start(member)
  }

  #checkpoint(): void {
    const member = this.#alive()
    if (member) this.cluster.checkpoint(member, this.#random.int(4))
  }

  #transfer(): void {
    const ids = [...this.cluster.members.keys()]
    this.cluster.leader()?.core.transferLeadership(pick(this.#random, ids), this.cluster.nowMs)
  }

  #change(): void {
    const { cluster } = this
    const id = toMemberId(String(1 + this.#random.int(7)))
    const leader = cluster.leader()
    if (!leader) return
    if (!cluster.members.has(id)) cluster.add(id, leader.applied.confState)
    const draw = (): SingleChange => {
      return { type: pick(this.#random, ['add-voter', 'add-learner', 'remove'] as const), id }
    }
    const other = toMemberId(String(1 + this.#random.int(this.#weather.voters)))
    const changes = this.#random.int(2) === 0 ? [draw()] : [draw(), { ...draw(), id: other }]
    const transition = pick(this.#random, ['auto', 'implicit'] as const)
    leader.core.proposeConfChange({ transition, changes })
  }

  #cut(): void {
    const ids = [...this.cluster.members.keys()]
    this.cluster.cuts.add(`${pick(this.#random, ids)}>${pick(this.#random, ids)}`)
  }

  /** All faults end: within some seconds everyone agrees, on everything that was ever committed. */
  calmDown(): void {
    const { cluster } = this
    cluster.cuts.clear()
    this.#restartAll()
    for (let round = 0; round < 400; round += 1) {
      for (let i = 0; i < 8; i += 1) {
        for (const message of cluster.network.splice(0)) cluster.deliver(message)
        for (const member of cluster.members.values()) {
          while (cluster.process(member)) {
            // Everything that a member has to do, it does.
          }
          cluster.sync(member)
        }
      }
      this.#advance(10)
    }
    const leader = cluster.leader()
    assert(leader !== undefined, 'liveness: nobody leads after the storm')
    const { confState, log } = leader.core.status()
    assert(
      log.commitIndex === log.lastIndex,
      () => `liveness: commit ${log.commitIndex} stays below ${log.lastIndex}`,
    )
    for (const id of [...confState.voters, ...confState.learners]) {
      const { applied } = cluster.member(id)
      assert(
        applied.index === log.lastIndex,
        () => `liveness: ${id} has applied ${applied.index} of ${log.lastIndex}`,
      )
    }
  }
}

void t.test(
  'in any weather the five properties of Figure 3 hold, and what is committed lies on a quorum of disks',
  (t) => {
    let commands = 0
    fc.assert(
      fc.property(weather, (given) => {
        const storm = new Storm(given)
        storm.run(400)
        storm.calmDown()
        commands += storm.accepted
      }),
      { numRuns: 100 },
    )
    t.ok(commands > 2000, `the storms were not idle: ${commands} commands were accepted`)
    t.end()
  },
)
