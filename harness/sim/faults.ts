/**
 * Fault schedules as data: a seed gives a list of typed faults with times, the simulation carries them out.
 * Every fault ends by itself; the last has ended by `endMs`.
 *
 * Each seed draws its own mix (swarm testing: Groce et al., ISSTA 2012): a kind of fault is in the mix with
 * probability one half, so that no kind drowns another.
 */
import { pick, type Random } from '../../platform/random.ts'
import type { SimCluster } from './cluster.ts'

export type Fault = { readonly atMs: number; readonly durationMs: number } & (
  | {
      readonly kind:
        | 'kill'
        | 'power-cut'
        | 'pause'
        | 'isolate'
        | 'isolate-inbound'
        | 'isolate-outbound'
        | 'slow-disk'
      readonly target: string
    }
  /** Every store member loses power at one instant. */
  | { readonly kind: 'blackout' }
  | { readonly kind: 'cut'; readonly from: string; readonly to: string }
  | { readonly kind: 'loss' | 'delay' | 'reset'; readonly a: string; readonly b: string }
)

export type FaultKind = Fault['kind']

const kinds: readonly FaultKind[] = [
  'kill',
  'power-cut',
  'blackout',
  'pause',
  'isolate',
  'isolate-inbound',
  'isolate-outbound',
  'slow-disk',
  'cut',
  'loss',
  'delay',
  'reset',
]

/** Kinds that make sense only for store members. */
const memberOnly: ReadonlySet<FaultKind> = new Set<FaultKind>(['power-cut', 'slow-disk'])

export interface FaultWindow {
  readonly startMs: number
  readonly endMs: number
  readonly countMax: number
}

function drawFault(
  random: Random,
  kind: FaultKind,
  names: { members: readonly string[]; all: readonly string[] },
  window: FaultWindow,
): Fault {
  const atMs = window.startMs + random.int(Math.max(1, window.endMs - window.startMs - 500))
  const longestMs = Math.min(4000, window.endMs - atMs)
  const durationMs = Math.round(50 * (longestMs / 50) ** random.float())
  const time = { atMs, durationMs }
  const target = pick(random, memberOnly.has(kind) || random.float() < 0.5 ? names.members : names.all)
  switch (kind) {
    case 'blackout':
      return { ...time, kind }
    case 'cut':
      return { ...time, kind, from: target, to: pick(random, names.all) }
    case 'loss':
    case 'delay':
    case 'reset':
      return { ...time, kind, a: target, b: pick(random, names.all) }
    default:
      return { ...time, kind, target }
  }
}

/** The schedule of a seed, in order of time. */
export function drawFaults(
  random: Random,
  names: { members: readonly string[]; all: readonly string[] },
  window: FaultWindow,
): readonly Fault[] {
  const mix = kinds.filter(() => random.float() < 0.5)
  if (mix.length === 0) mix.push('kill')
  const count = 1 + random.int(window.countMax)
  const faults = Array.from({ length: count }, () => drawFault(random, pick(random, mix), names, window))
  return faults.sort((a, b) => a.atMs - b.atMs)
}

/** Carries a fault out now and undoes it after its duration. */
export function carryOut(cluster: SimCluster, fault: Fault): void {
  const { links } = cluster.world.network
  const after = (undo: () => void): void => {
    cluster.world.loop.schedule({ delayUs: fault.durationMs * 1000, label: `end ${fault.kind}`, run: undo })
  }
  cluster.world.log('world', 'fault', JSON.stringify(fault))
  switch (fault.kind) {
    case 'kill':
    case 'power-cut': {
      const slot = cluster.slot(fault.target)
      if (fault.kind === 'kill') slot.kill()
      else slot.cutPower()
      after(() => slot.start())
      return
    }
    case 'blackout': {
      for (const name of cluster.members) cluster.slot(name).cutPower()
      after(() => {
        for (const name of cluster.members) cluster.slot(name).start()
      })
      return
    }
    case 'pause': {
      const slot = cluster.slot(fault.target)
      slot.pause()
      after(() => slot.resume())
      return
    }
    case 'isolate':
    case 'isolate-inbound':
    case 'isolate-outbound': {
      for (const other of cluster.hosts) {
        if (other === fault.target) continue
        if (fault.kind !== 'isolate-outbound') cutFor(cluster, other, fault.target, after)
        if (fault.kind !== 'isolate-inbound') cutFor(cluster, fault.target, other, after)
      }
      return
    }
    case 'cut':
      if (fault.from !== fault.to) cutFor(cluster, fault.from, fault.to, after)
      return
    case 'loss':
    case 'delay': {
      for (const [from, to] of [
        [fault.a, fault.b],
        [fault.b, fault.a],
      ] as const) {
        const link = links.faults(from, to)
        if (fault.kind === 'loss') link.lossProbability = 0.3
        else link.delayUs = [20_000, 120_000]
        after(() => {
          link.lossProbability = 0
          link.delayUs = [50, 500]
        })
      }
      return
    }
    case 'reset':
      cluster.world.network.resetBetween(fault.a, fault.b)
      return
    case 'slow-disk': {
      const { faults } = cluster.slot(fault.target).machine.disk
      faults.syncUs = [50_000, 700_000]
      after(() => {
        faults.syncUs = [100, 1000]
      })
      return
    }
  }
}

function cutFor(cluster: SimCluster, from: string, to: string, after: (undo: () => void) => void): void {
  const { links } = cluster.world.network
  links.cut(from, to)
  after(() => links.heal(from, to))
}
