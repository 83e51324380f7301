import fc from 'fast-check'
import t from 'tap'
import { catalog } from '../catalog.ts'
import { definitionArbitrary } from '../testing/schema-arbitrary.ts'
import { decodeFields } from './field-decoding.ts'
import { deepClone, deepEqual } from './json.ts'
import { ProtobufError, decodeMessage, encodeMessage, openEnvelope, sealEnvelope } from './protobuf.ts'
import { definitionByGvk, definitionOf } from './schema.ts'

const others = [
  { group: 'policy', version: 'v1', kind: 'Eviction' },
  { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  { group: '', version: 'v1', kind: 'DeleteOptions' },
  { group: '', version: 'v1', kind: 'Status' },
  { group: '', version: 'v1', kind: 'PodList' },
  { group: 'meta.k8s.io', version: 'v1', kind: 'PartialObjectMetadataList' },
]

void t.test('every object of every kind survives protobuf, and is left as it is by the JSON decoder', (t) => {
  for (const gvk of [...catalog, ...others]) {
    const definition = definitionByGvk(gvk)
    if (definition === undefined) {
      t.fail(`no definition of ${gvk.kind}`)
      continue
    }
    t.doesNotThrow(
      () =>
        fc.assert(
          fc.property(definitionArbitrary(definition), (object) => {
            const bytes = encodeMessage(object, definition)
            if (!deepEqual(decodeMessage(bytes, definition), object)) return false
            const copy = deepClone(object)
            return decodeFields(copy, definition).length === 0 && deepEqual(copy, object)
          }),
          { numRuns: 40 },
        ),
      `${gvk.group}/${gvk.version} ${gvk.kind}`,
    )
  }
  t.end()
})

void t.test('bytes that are cut or changed are refused or read as something, never more', (t) => {
  const definition = definitionOf('io.k8s.api.core.v1.Pod')
  fc.assert(
    fc.property(definitionArbitrary(definition), fc.nat(), fc.nat({ max: 255 }), (object, place, byte) => {
      const bytes = encodeMessage(object, definition).slice()
      if (bytes.length === 0) return true
      bytes[place % bytes.length] = byte
      for (const broken of [bytes, bytes.subarray(0, place % bytes.length)]) {
        try {
          decodeMessage(broken, definition)
        } catch (error) {
          if (!(error instanceof ProtobufError)) return false
        }
      }
      return true
    }),
  )
  t.pass('held for every drawn case')
  t.end()
})

void t.test('an envelope says what is in it', (t) => {
  const raw = new Uint8Array([1, 2, 3])
  const sealed = sealEnvelope({ apiVersion: 'apps/v1', kind: 'Deployment', raw })
  t.same([...sealed.subarray(0, 4)], [0x6b, 0x38, 0x73, 0])
  const opened = openEnvelope(sealed)
  t.match(opened, { apiVersion: 'apps/v1', kind: 'Deployment' })
  t.same([...opened.raw], [1, 2, 3])
  t.throws(() => openEnvelope(new Uint8Array([1, 2, 3, 4])), ProtobufError)
  t.end()
})
