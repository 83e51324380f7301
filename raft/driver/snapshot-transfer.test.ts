/** Sender and receiver of a snapshot, over a pair of connections that the test can tamper with. */
import t from 'tap'
import { silentLog } from '../../platform/log.ts'
import type { FrameConnection } from '../../platform/network.ts'
import { SimWorld } from '../../platform/sim/index.ts'
import { TaskGroup } from '../../platform/tasks.ts'
import type { SnapshotMeta, SnapshotReader } from '../state-machine.ts'
import { toLogIndex, toMemberId, toTerm } from '../types.ts'
import { initialConfState } from '../conf-change.ts'
import { SnapshotReceiver } from './snapshot-receiver.ts'
import { SnapshotSender } from './snapshot-sender.ts'

const leader = toMemberId('1')
const follower = toMemberId('2')
const confState = initialConfState([leader, follower])
const meta: SnapshotMeta = { index: toLogIndex(9), term: toTerm(2), confState }

type Tamper = (frame: Uint8Array) => Uint8Array | undefined

/** Two ends of one connection; frames arrive one event later. */
class Wire {
  readonly world: SimWorld
  readonly sender: FrameConnection
  readonly receiver: FrameConnection
  isClosed = false

  constructor(world: SimWorld, tamper: Tamper) {
    this.world = world
    this.sender = this.#end(() => this.receiver, tamper)
    this.receiver = this.#end(
      () => this.sender,
      (frame) => frame,
    )
  }

  #end(other: () => FrameConnection, tamper: Tamper): FrameConnection {
    return {
      peer: undefined,
      remote: { host: 'x', port: 1 },
      onFrame: () => {},
      onClose: () => {},
      send: (frame) => {
        const bytes = this.isClosed ? undefined : tamper(frame.slice())
        if (bytes) this.#later(() => other().onFrame(bytes))
      },
      bufferedBytes: () => 0,
      close: () => {
        if (this.isClosed) return
        this.isClosed = true
        this.#later(() => other().onClose('closed'))
      },
    }
  }

  #later(run: () => void): void {
    this.world.loop.schedule({ delayUs: 100, label: 'wire', owner: undefined, run })
  }
}

class Bench {
  readonly world = new SimWorld(1n)
  readonly received: number[] = []
  readonly outcomes: boolean[] = []
  readonly completed: SnapshotMeta[] = []
  aborted = 0
  isWanted = true
  /** What the core answers to a complete snapshot. */
  isInstalled = true
  installMs = 10
  readonly receiver: SnapshotReceiver
  readonly sender: SnapshotSender

  constructor(tamper: Tamper = (frame) => frame) {
    const { clock } = this.world.startProcess({ name: 'm', machine: this.world.machine('m') }).powers
    this.receiver = new SnapshotReceiver({
      clock,
      log: silentLog,
      wants: () => this.isWanted,
      beginInstall: () => ({
        write: (chunk) => void this.received.push(...chunk),
        finish: () => {},
        abort: () => {
          this.aborted += 1
        },
      }),
      onComplete: ({ meta: complete }) => {
        this.completed.push(complete)
        if (!this.isInstalled) return
        this.receiver.takeComplete(complete)
        clock.setTimer(this.installMs, () => this.receiver.concluded(undefined))
      },
    })
    this.sender = new SnapshotSender({
      clock,
      log: silentLog,
      tasks: new TaskGroup((error) => this.world.violate(error.message)),
      chunkBytes: 4,
      dial: () => {
        const wire = new Wire(this.world, tamper)
        this.receiver.accept(leader, wire.receiver)
        return Promise.resolve(wire.sender)
      },
      onEnd: (_to, isOk) => this.outcomes.push(isOk),
    })
  }

  async stream(sizeBytes: number, forMs = 100): Promise<void> {
    this.sender.begin({ to: follower, term: toTerm(3), confState, reader: readerOf(sizeBytes) })
    await this.world.run(forMs)
  }
}

function readerOf(sizeBytes: number): SnapshotReader {
  let at = 0
  return {
    meta,
    read: (bytesMax) => {
      const length = Math.min(bytesMax, sizeBytes - at)
      if (length === 0) return undefined
      at += length
      return Uint8Array.from({ length }, (_, i) => (at - length + i) & 0xff)
    },
    close: () => {},
  }
}

void t.test('a snapshot arrives whole and in order, and its sender hears when it is installed', async (t) => {
  const bench = new Bench()
  await bench.stream(101)
  t.same(
    bench.received,
    Array.from({ length: 101 }, (_, i) => i),
  )
  t.match(bench.completed, [meta])
  t.same(bench.outcomes, [true])
})

void t.test('an empty state machine has a snapshot too', async (t) => {
  const bench = new Bench()
  await bench.stream(0)
  t.same([bench.outcomes, bench.received], [[true], []])
})

void t.test('a flipped bit in any frame ends the stream; nothing damaged is installed', async (t) => {
  for (let target = 0; target < 6; target += 1) {
    let count = 0
    const bench = new Bench((frame) => {
      if (count++ === target) frame[frame.length - 2] = (frame[frame.length - 2] ?? 0) ^ 4
      return frame
    })
    await bench.stream(16)
    t.same(bench.outcomes, [false], `frame ${target}`)
    t.equal(bench.completed.length, 0)
  }
})

void t.test('a lost chunk is noticed by the next one', async (t) => {
  let count = 0
  const bench = new Bench((frame) => (count++ === 2 ? undefined : frame))
  await bench.stream(16)
  t.same([bench.outcomes, bench.aborted], [[false], 1])
})

void t.test('a receiver that installs for long says so, and the sender waits', async (t) => {
  const bench = new Bench()
  bench.installMs = 20_000
  await bench.stream(16, 19_000)
  t.same(bench.outcomes, [])
  await bench.world.run(2000)
  t.same(bench.outcomes, [true])
})

void t.test('a receiver that has vanished is given up after three seconds, and so is a sender', async (t) => {
  let count = 0
  const bench = new Bench((frame) => (count++ < 3 ? frame : undefined))
  await bench.stream(100, 2500)
  t.same(bench.outcomes, [])
  await bench.world.run(1500)
  t.same([bench.outcomes, bench.aborted], [[false], 1])
})

void t.test('what is not wanted, and a second stream at a time, is refused', async (t) => {
  const bench = new Bench()
  bench.isWanted = false
  await bench.stream(16)
  t.same(bench.outcomes, [false])
  bench.isWanted = true
  bench.installMs = 1000
  await bench.stream(16)
  t.equal(bench.sender.mayBegin(follower), false)
  t.equal(bench.sender.oldestIndex(), 9)
  const wire = new Wire(bench.world, (frame) => frame)
  bench.receiver.accept(leader, wire.receiver)
  await bench.world.run(2000)
  t.same(bench.outcomes, [false, true])
  t.equal(bench.sender.mayBegin(follower), true)
})

void t.test('a snapshot that the core needs no more is thrown away, and counts as delivered', async (t) => {
  const bench = new Bench()
  bench.isInstalled = false
  await bench.stream(16)
  t.same([bench.outcomes, bench.aborted], [[true], 1])
})
