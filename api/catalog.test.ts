import t from 'tap'
import { catalog, findKind, findKindByGvk } from './catalog.ts'
import { checkKind } from './testing/kind-conformance.ts'

void t.test('no two kinds share a path, and each is found by its path and by its kind', (t) => {
  const paths = new Set(catalog.map((kind) => `${kind.group}/${kind.version}/${kind.resource}`))
  t.equal(paths.size, catalog.length)
  for (const kind of catalog) {
    t.equal(findKind(kind.group, kind.version, kind.resource), kind)
    t.equal(findKindByGvk(kind.group, kind.version, kind.kind), kind)
  }
  t.end()
})

void t.test('short names are unique but for those that two versions of one resource share', (t) => {
  const owners = new Map<string, string>()
  for (const kind of catalog) {
    for (const name of [...kind.shortNames, kind.singular, kind.resource]) {
      const owner = owners.get(name) ?? kind.resource
      t.equal(owner, kind.resource, name)
      owners.set(name, kind.resource)
    }
  }
  t.end()
})

for (const kind of catalog) {
  void t.test(`${kind.kind} of ${kind.group || 'core'}/${kind.version} keeps the promises of a kind`, (t) => {
    checkKind(t, kind)
    t.end()
  })
}
