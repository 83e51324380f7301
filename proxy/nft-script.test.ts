import fc from 'fast-check'
import t from 'tap'
import { nftScripts } from './nft-script.ts'
import { type NftTable, nftTable } from './nftables.ts'
import { virtualServices } from './rules.ts'
import { serviceOf, sliceOf } from './testing/objects.ts'

const network = { clusterCidr: '10.244.0.0/16', unfilteredBridgeCidr: undefined }
const digest = (text: string) => String(text.length).padStart(8, '0')

/** A kernel that knows as much of nft as the scripts need, and refuses what a real one refuses. */
class ToyKernel {
  chains = new Map<string, string[]>()
  elements = new Map<string, Set<string>>()

  run(script: string): void {
    for (const line of script.split('\n').filter((text) => text !== '')) this.#command(line)
    for (const [chain, rules] of this.chains) {
      for (const target of rules.flatMap(targetsOf)) this.#mustExist(target, `rule of ${chain}`)
    }
    for (const [map, elements] of this.elements) {
      for (const element of elements)
        for (const target of targetsOf(element)) this.#mustExist(target, `element of ${map}`)
    }
  }

  /** What is in it, in comparable form. */
  contents(): unknown {
    const sorted = <T>(map: ReadonlyMap<string, T>, value: (item: T) => unknown) =>
      Array.from(map, ([key, item]) => [key, value(item)]).sort((a, b) =>
        String(a[0]) < String(b[0]) ? -1 : 1,
      )
    return [sorted(this.chains, (rules) => rules), sorted(this.elements, (set) => [...set].sort())]
  }

  #mustExist(chain: string, where: string): void {
    if (!this.chains.has(chain)) throw new Error(`${where} goes to ${chain}, which is not there`)
  }

  #command(line: string): void {
    const [, verb = '', kind = '', , , name = '', rest = ''] =
      /^(\w+) (\w+) (ip) (kube-proxy)(?: (\S+))?(?: (.*))?$/.exec(line) ?? []
    if (kind === 'table') {
      this.chains = new Map()
      this.elements = new Map()
    } else if (`${verb} ${kind}` === 'add chain') this.chains.set(name, this.chains.get(name) ?? [])
    else if (`${verb} ${kind}` === 'flush chain') this.chains.get(name)?.splice(0)
    else if (`${verb} ${kind}` === 'delete chain') this.chains.delete(name)
    else if (`${verb} ${kind}` === 'add rule') this.chains.get(name)?.push(rest)
    else if (verb === 'delete' && kind === 'set') this.elements.delete(name)
    else if (verb === 'add' && (kind === 'set' || kind === 'map'))
      this.elements.set(name, this.elements.get(name) ?? new Set())
    else this.#changeElements(verb, name, rest)
  }

  #changeElements(verb: string, name: string, rest: string): void {
    const set = this.elements.get(name)
    if (set === undefined) throw new Error(`there is no set ${name}`)
    for (const element of rest.replace(/^\{ | \}$/g, '').split(', ')) {
      if (verb === 'add') set.add(element)
      else if (!set.delete(element)) throw new Error(`delete of ${element}, which is not in ${name}`)
    }
  }
}

function targetsOf(text: string): readonly string[] {
  return Array.from(text.matchAll(/(?:goto|jump) (\S+?)(?=[,\s]|$)/g), ([, target = '']) => target)
}

const shape = fc.array(
  fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    endpoints: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
    nodePort: fc.option(fc.constantFrom(30001, 30002), { nil: undefined }),
    isLocal: fc.boolean(),
    hasAffinity: fc.boolean(),
  }),
  { maxLength: 3 },
)

function tableOf(services: typeof shape extends fc.Arbitrary<infer T> ? T : never): NftTable {
  const byName = new Map(services.map((service) => [service.name, service]))
  const list = Array.from(byName.values())
  return nftTable(
    virtualServices(
      list.map(({ name, nodePort, isLocal, hasAffinity }) =>
        serviceOf({
          name,
          clusterIP: `10.96.0.${name.charCodeAt(0)}`,
          ...(nodePort === undefined ? {} : { nodePort }),
          spec: {
            externalTrafficPolicy: isLocal ? 'Local' : 'Cluster',
            sessionAffinity: hasAffinity ? 'ClientIP' : 'None',
          },
        }),
      ),
      list.map(({ name, endpoints }) =>
        sliceOf(
          name,
          endpoints.map((last) => ({ ip: `10.244.0.${last}`, nodeName: last % 2 ? 'n1' : 'n2' })),
        ),
      ),
      { name: 'n1', zone: '' },
    ),
    network,
    digest,
  )
}

void t.test(
  'step by step leads to the same table as all at once, and never refers to what is not there',
  (t) => {
    const property = fc.property(fc.array(shape, { minLength: 1, maxLength: 6 }), (steps) => {
      const kernel = new ToyKernel()
      let previous: NftTable | undefined
      for (const step of steps) {
        const next = tableOf(step)
        const { apply, cleanUp } = nftScripts(previous, next)
        kernel.run(apply)
        kernel.run(cleanUp)
        previous = next
        const fresh = new ToyKernel()
        fresh.run(nftScripts(undefined, next).apply)
        if (JSON.stringify(kernel.contents()) !== JSON.stringify(fresh.contents())) {
          throw new Error(
            `${JSON.stringify(kernel.contents())}\ninstead of\n${JSON.stringify(fresh.contents())}`,
          )
        }
      }
    })
    fc.assert(property, { numRuns: 300 })
    t.end()
  },
)

void t.test('nothing changed, nothing to do', (t) => {
  const table = tableOf([{ name: 'a', endpoints: [1], nodePort: 30001, isLocal: false, hasAffinity: true }])
  t.same(nftScripts(table, table), { apply: '', cleanUp: '' })
  t.end()
})

void t.test('a change of one endpoint touches neither other Services nor affinity sets that stay', (t) => {
  const service = { nodePort: undefined, isLocal: false, hasAffinity: true }
  const before = tableOf([
    { ...service, name: 'a', endpoints: [1, 2] },
    { ...service, name: 'b', endpoints: [3] },
  ])
  const after = tableOf([
    { ...service, name: 'a', endpoints: [1] },
    { ...service, name: 'b', endpoints: [3] },
  ])
  const { apply, cleanUp } = nftScripts(before, after)
  t.notMatch(apply + cleanUp, /default\/b/)
  t.notMatch(apply + cleanUp, /set .*10\.244\.0\.1\/8080/)
  t.match(cleanUp, /delete set .*10\.244\.0\.2\/8080/)
  t.end()
})
