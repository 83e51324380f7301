/**
 * From one table to the next, as commands for `nft -f -`, which carries them all out or none. Pure.
 *
 * Only what differs is touched, so that a change of one Service costs the same among ten thousand, and sets
 * that the kernel fills (session affinity) keep what they know. What is no longer referred to is removed by a
 * second script: a kernel may refuse to delete a chain in the transaction that removes the last reference.
 */
import type { NftChain, NftTable } from './nftables.ts'

export const nftTableName = 'kube-proxy'
const table = `ip ${nftTableName}`

export interface NftScripts {
  /** Empty when nothing is to be done. */
  readonly apply: string
  /** To be run after `apply` has succeeded; empty when nothing is left over. */
  readonly cleanUp: string
}

/** Removes the table, whether it is there or not. */
export const removeTableScript = `add table ${table}\ndelete table ${table}\n`

/** `previous` undefined: whatever there is of the table is replaced. */
export function nftScripts(previous: NftTable | undefined, next: NftTable): NftScripts {
  const lines: string[] = []
  if (previous === undefined) {
    lines.push(`add table ${table}`, `delete table ${table}`)
    lines.push(`add table ${table} { comment "rules for Services, kept by kube-proxy" ; }`)
  }
  const known = previous ?? emptyTable
  for (const [name, chain] of next.chains) if (!known.chains.has(name)) lines.push(addChain(name, chain))
  for (const [name, { declaration }] of next.sets) {
    if (known.sets.get(name)?.declaration !== declaration)
      lines.push(`add set ${table} ${name} { ${declaration} ; }`)
  }
  for (const [name, { type }] of next.maps) {
    if (!known.maps.has(name)) lines.push(`add map ${table} ${name} { type ${type} ; }`)
  }
  for (const [name, chain] of next.chains) lines.push(...changeRules(name, known.chains.get(name), chain))
  for (const [name, { elements }] of next.sets) {
    if (elements) lines.push(...changeElements(name, known.sets.get(name)?.elements ?? [], elements))
  }
  for (const [name, { verdicts }] of next.maps) {
    const asElements = (from: ReadonlyMap<string, string> | undefined) =>
      Array.from(from ?? [], ([key, verdict]) => `${key} : ${verdict}`)
    lines.push(...changeElements(name, asElements(known.maps.get(name)?.verdicts), asElements(verdicts)))
  }
  return { apply: joined(lines), cleanUp: joined(leftOvers(known, next)) }
}

const emptyTable: NftTable = { chains: new Map(), sets: new Map(), maps: new Map() }

function addChain(name: string, { hook }: NftChain): string {
  return hook === undefined ? `add chain ${table} ${name}` : `add chain ${table} ${name} { ${hook} ; }`
}

function changeRules(name: string, previous: NftChain | undefined, next: NftChain): readonly string[] {
  const isSame =
    previous !== undefined &&
    previous.rules.length === next.rules.length &&
    previous.rules.every((rule, index) => rule === next.rules[index])
  if (isSame) return []
  const rules = next.rules.map((rule) => `add rule ${table} ${name} ${rule}`)
  return previous === undefined ? rules : [`flush chain ${table} ${name}`, ...rules]
}

/** Removals first, so that a key may come back with another verdict. */
function changeElements(
  name: string,
  previous: readonly string[],
  next: readonly string[],
): readonly string[] {
  const before = new Set(previous)
  const after = new Set(next)
  const gone = previous.filter((element) => !after.has(element))
  const added = next.filter((element) => !before.has(element))
  const lines: string[] = []
  if (gone.length > 0) lines.push(`delete element ${table} ${name} { ${gone.join(', ')} }`)
  if (added.length > 0) lines.push(`add element ${table} ${name} { ${added.join(', ')} }`)
  return lines
}

/** Chains first lose their rules, which refer to one another and to sets, and then all go. */
function leftOvers(previous: NftTable, next: NftTable): readonly string[] {
  const chains = Array.from(previous.chains.keys()).filter((name) => !next.chains.has(name))
  const sets = Array.from(previous.sets.keys()).filter((name) => !next.sets.has(name))
  return [
    ...chains.map((name) => `flush chain ${table} ${name}`),
    ...chains.map((name) => `delete chain ${table} ${name}`),
    ...sets.map((name) => `delete set ${table} ${name}`),
  ]
}

function joined(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}
