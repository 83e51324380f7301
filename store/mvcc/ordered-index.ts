/**
 * An ordered index in memory: a B+tree from key text to slot number that counts, in every node, how many
 * of its keys are live. Finding, inserting, the rank of a key and the n-th live key cost O(log n), so
 * `count_only` and `limit=1` on 100,000 keys touch a few nodes. Deleted keys stay until their tombstone
 * is compacted; ranges leap over leaves that hold none but such.
 *
 * Flat for the garbage collector: a leaf is one array of strings and one of small integers.
 *
 *          inner  separators [ -, "k3", "k7" ]   live 5
 *                   |         |        |
 *   leaf  k1 k2(dead)     k3 k4 k5     k7     an entry's value = slot * 2 + (live ? 1 : 0)
 */
import { assert, defined } from '../../platform/assert.ts'
import type { KeyRange } from './key.ts'

/** Entries of a leaf, or children of an inner node, at most. */
const defaultFanOut = 64

interface Leaf {
  readonly kind: 'leaf'
  keys: string[]
  values: number[]
  live: number
}

interface Inner {
  readonly kind: 'inner'
  /** `separators[i]` is at most every key below `children[i]` and above every key before; [0] is not used. */
  separators: string[]
  children: Node[]
  live: number
}

type Node = Leaf | Inner

interface Split {
  readonly separator: string
  readonly node: Node
}

function emptyLeaf(): Leaf {
  return { kind: 'leaf', keys: [], values: [], live: 0 }
}

/** Index of the first key that is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}

/** Index of the child under which `key` belongs. */
function childIndex(inner: Inner, key: string): number {
  let low = 1
  let high = inner.separators.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((inner.separators[middle] ?? '') <= key) low = middle + 1
    else high = middle
  }
  return low - 1
}

function sizeOf(node: Node): number {
  return node.kind === 'leaf' ? node.keys.length : node.children.length
}

export class OrderedIndex {
  readonly #fanOut: number
  #root: Node = emptyLeaf()
  #size = 0

  /** `fanOut`: entries of a node at most; small ones make deep trees for tests. */
  constructor(fanOut = defaultFanOut) {
    this.#fanOut = fanOut
  }

  /** Keys held, dead ones too. */
  get size(): number {
    return this.#size
  }

  get liveCount(): number {
    return this.#root.live
  }

  /** The slot of `key`, or -1. */
  find(key: string): number {
    let node = this.#root
    while (node.kind === 'inner') node = defined(node.children[childIndex(node, key)], 'child')
    const i = lowerBound(node.keys, key)
    return node.keys[i] === key ? defined(node.values[i], 'value') >> 1 : -1
  }

  /** Adds a key that is not there, as live. */
  insert(key: string, slot: number): void {
    const split = this.#insertBelow(this.#root, key, slot)
    this.#size += 1
    if (!split) return
    const live = this.#root.live + split.node.live
    this.#root = {
      kind: 'inner',
      separators: ['', split.separator],
      children: [this.#root, split.node],
      live,
    }
  }

  #insertBelow(node: Node, key: string, slot: number): Split | undefined {
    node.live += 1
    if (node.kind === 'leaf') {
      const i = lowerBound(node.keys, key)
      assert(node.keys[i] !== key, () => `index: key ${JSON.stringify(key)} is inserted twice`)
      node.keys.splice(i, 0, key)
      node.values.splice(i, 0, slot * 2 + 1)
      return node.keys.length > this.#fanOut ? splitLeaf(node) : undefined
    }
    const i = childIndex(node, key)
    const split = this.#insertBelow(defined(node.children[i], 'child'), key, slot)
    if (!split) return undefined
    node.separators.splice(i + 1, 0, split.separator)
    node.children.splice(i + 1, 0, split.node)
    return node.children.length > this.#fanOut ? splitInner(node) : undefined
  }

  /** Marks a held key live or dead. */
  setLive(key: string, isLive: boolean): void {
    const delta = isLive ? 1 : -1
    let node = this.#root
    while (node.kind === 'inner') {
      node.live += delta
      node = defined(node.children[childIndex(node, key)], 'child')
    }
    const i = lowerBound(node.keys, key)
    const value = node.values[i]
    assert(node.keys[i] === key && value !== undefined, () => `index: key ${JSON.stringify(key)} is not held`)
    assert((value & 1) === (isLive ? 0 : 1), () => `index: key ${JSON.stringify(key)} is ${isLive} already`)
    node.values[i] = value ^ 1
    node.live += delta
  }

  /** Removes a dead key. */
  remove(key: string): void {
    this.#removeBelow(this.#root, key)
    this.#size -= 1
    while (this.#root.kind === 'inner' && this.#root.children.length === 1) {
      this.#root = defined(this.#root.children[0], 'only child')
    }
  }

  #removeBelow(node: Node, key: string): void {
    if (node.kind === 'leaf') {
      const i = lowerBound(node.keys, key)
      const value = node.values[i]
      assert(
        node.keys[i] === key && value !== undefined,
        () => `index: key ${JSON.stringify(key)} is not held`,
      )
      assert((value & 1) === 0, () => `index: key ${JSON.stringify(key)} is live and cannot be removed`)
      node.keys.splice(i, 1)
      node.values.splice(i, 1)
      return
    }
    const i = childIndex(node, key)
    const child = defined(node.children[i], 'child')
    this.#removeBelow(child, key)
    if (sizeOf(child) < this.#fanOut / 4) mergeAround(node, i, this.#fanOut)
  }

  /** Live keys below `key`. */
  rankLive(key: string): number {
    let rank = 0
    let node = this.#root
    while (node.kind === 'inner') {
      const i = childIndex(node, key)
      for (let before = 0; before < i; before += 1) rank += defined(node.children[before], 'child').live
      node = defined(node.children[i], 'child')
    }
    const end = lowerBound(node.keys, key)
    for (let i = 0; i < end; i += 1) rank += (node.values[i] ?? 0) & 1
    return rank
  }

  countLive(range: KeyRange): number {
    const end = range.end === undefined ? this.#root.live : this.rankLive(range.end)
    return Math.max(0, end - this.rankLive(range.start))
  }

  /** Visits live keys of a range in order, until `visit` gives false. O(log n) per leaf visited. */
  visitLive(range: KeyRange, visit: (key: string, slot: number) => boolean): void {
    let rank = this.rankLive(range.start)
    while (rank < this.#root.live) {
      const found = this.#leafOfLive(rank)
      for (let i = found.index; i < found.leaf.keys.length; i += 1) {
        const value = found.leaf.values[i] ?? 0
        if ((value & 1) === 0) continue
        const key = found.leaf.keys[i] ?? ''
        if (range.end !== undefined && key >= range.end) return
        if (!visit(key, value >> 1)) return
        rank += 1
      }
    }
  }

  /** The leaf that holds the live key of this rank, and the key's index in it. */
  #leafOfLive(rank: number): { readonly leaf: Leaf; readonly index: number } {
    let remaining = rank
    let node = this.#root
    while (node.kind === 'inner') {
      const next: Node | undefined = node.children.find((child) => {
        if (remaining < child.live) return true
        remaining -= child.live
        return false
      })
      node = defined(next, 'child with the live key')
    }
    const index = node.values.findIndex((value) => (value & 1) === 1 && (remaining -= 1) < 0)
    assert(index >= 0, () => `index: counts do not match at rank ${rank}`)
    return { leaf: node, index }
  }

  /** Visits all held keys of a range in order, dead ones too, until `visit` gives false. */
  visitAll(range: KeyRange, visit: (key: string, slot: number) => boolean): void {
    visitBelow(this.#root, range, visit)
  }

  /** Checks every invariant. For tests. */
  check(): void {
    const size = checkBelow(this.#root, '', undefined)
    assert(size === this.#size, () => `index: ${size} keys found, ${this.#size} counted`)
  }
}

function splitLeaf(leaf: Leaf): Split {
  // Ascending inserts (revision-like and generated names) leave full leaves behind rather than half-full ones.
  const keep = leaf.keys.length - (leaf.keys.length >> 2)
  const right: Leaf = {
    kind: 'leaf',
    keys: leaf.keys.splice(keep),
    values: leaf.values.splice(keep),
    live: 0,
  }
  right.live = right.values.reduce((sum, value) => sum + (value & 1), 0)
  leaf.live -= right.live
  return { separator: right.keys[0] ?? '', node: right }
}

function splitInner(inner: Inner): Split {
  const keep = inner.children.length >> 1
  const right: Inner = {
    kind: 'inner',
    separators: inner.separators.splice(keep),
    children: inner.children.splice(keep),
    live: 0,
  }
  right.live = right.children.reduce((sum, child) => sum + child.live, 0)
  inner.live -= right.live
  return { separator: right.separators[0] ?? '', node: right }
}

/** Joins a small child with a neighbour when both fit into one node; drops it when it is empty. */
function mergeAround(parent: Inner, index: number, sizeMax: number): void {
  const left = index > 0 ? index - 1 : index
  const first = parent.children[left]
  const second = parent.children[left + 1]
  if (!first || !second || sizeOf(first) + sizeOf(second) > sizeMax) return
  if (first.kind === 'leaf' && second.kind === 'leaf') {
    first.keys.push(...second.keys)
    first.values.push(...second.values)
  } else if (first.kind === 'inner' && second.kind === 'inner') {
    const separator = parent.separators[left + 1] ?? ''
    first.separators.push(...second.separators.map((text, i) => (i === 0 ? separator : text)))
    first.children.push(...second.children)
  }
  first.live += second.live
  parent.separators.splice(left + 1, 1)
  parent.children.splice(left + 1, 1)
}

function visitBelow(node: Node, range: KeyRange, visit: (key: string, slot: number) => boolean): boolean {
  if (node.kind === 'leaf') {
    for (let i = lowerBound(node.keys, range.start); i < node.keys.length; i += 1) {
      const key = node.keys[i] ?? ''
      if (range.end !== undefined && key >= range.end) return false
      if (!visit(key, (node.values[i] ?? 0) >> 1)) return false
    }
    return true
  }
  for (let i = childIndex(node, range.start); i < node.children.length; i += 1) {
    if (!visitBelow(defined(node.children[i], 'child'), range, visit)) return false
  }
  return true
}

function checkBelow(node: Node, from: string, to: string | undefined): number {
  const inside = (key: string) => key >= from && (to === undefined || key < to)
  if (node.kind === 'leaf') {
    node.keys.forEach((key, i) => {
      assert(inside(key), `index: key ${JSON.stringify(key)} lies in the wrong leaf`)
      assert(
        i === 0 || (node.keys[i - 1] ?? '') < key,
        `index: keys are not in order at ${JSON.stringify(key)}`,
      )
    })
    const live = node.values.reduce((sum, value) => sum + (value & 1), 0)
    assert(live === node.live, `index: leaf counts ${node.live} live keys, has ${live}`)
    return node.keys.length
  }
  let size = 0
  let live = 0
  node.children.forEach((child, i) => {
    size += checkBelow(child, i === 0 ? from : (node.separators[i] ?? ''), node.separators[i + 1] ?? to)
    live += child.live
  })
  assert(live === node.live, `index: node counts ${node.live} live keys, has ${live}`)
  return size
}
