import t from 'tap'
import type { ConditionLike } from './conditions.ts'
import { findCondition, setCondition } from './conditions.ts'
import { podTemplateHash } from './hash.ts'
import { resolveIntOrPercent } from './int-or-string.ts'
import { annotationProblems, labelProblems } from './labels.ts'
import {
  configMapKeyProblems,
  dns1035LabelProblems,
  dns1123LabelProblems,
  dns1123SubdomainProblems,
  envVarNameProblems,
  generateName,
  labelValueProblems,
  nameProblems,
  pathSegmentProblems,
  portNameProblems,
  qualifiedNameProblems,
} from './names.ts'
import { age, formatTime, humanDuration, parseTime } from './time.ts'

const long = (length: number) => 'a'.repeat(length)

void t.test('each check takes what it should, refuses the rest, and knows the step between', (t) => {
  const checks: readonly (readonly [string, (text: string) => string[], string[], string[]])[] = [
    [
      'label',
      dns1123LabelProblems,
      ['a', '0', 'a-b', long(63)],
      ['', '-a', 'a-', 'A', 'a.b', 'a_b', long(64)],
    ],
    ['service', dns1035LabelProblems, ['a', 'a0'], ['0a', '', 'A']],
    [
      'subdomain',
      dns1123SubdomainProblems,
      ['a', 'a.b', '0.0', long(253)],
      ['', 'a..b', '.a', 'a.', long(254)],
    ],
    ['path segment', pathSegmentProblems, ['system:x', 'a b', '...'], ['.', '..', 'a/b', 'a%b']],
    [
      'qualified name',
      qualifiedNameProblems,
      ['a', 'A_b.c', 'x.io/a', long(63)],
      ['', '/a', 'x.io/', 'a/b/c', 'X/a', '-a', long(64)],
    ],
    ['label value', labelValueProblems, ['', 'a', 'A_b.c-1'], ['-a', 'a b', 'a/b', long(64)]],
    ['port name', portNameProblems, ['http', 'a-1'], ['', '80', 'Http', '-a', 'a-', 'a--b', long(16)]],
    [
      'key',
      configMapKeyProblems,
      ['a.b', '_x-Y', '.hidden'],
      ['', '.', '..', '..x', 'a b', 'a/b', long(254)],
    ],
    ['variable', envVarNameProblems, ['A', 'a.b-c', '1x'], ['', 'a=b', 'a\nb']],
  ]
  for (const [name, check, valid, invalid] of checks) {
    for (const text of valid) t.same(check(text), [], `${name} ${text}`)
    for (const text of invalid) t.not(check(text).length, 0, `${name} ${JSON.stringify(text)}`)
  }
  t.same(nameProblems('label', 'web-', true), [], 'a prefix may end in a dash')
  t.match(labelProblems({ 'a b': 'c' }, 'metadata.labels'), [{ field: 'metadata.labels' }])
  t.match(annotationProblems({ a: 'x'.repeat(256 * 1024) }, 'metadata.annotations'), [
    { type: 'FieldValueTooLong' },
  ])
  t.end()
})

void t.test('a generated name keeps 58 characters and gets five drawn ones', (t) => {
  let next = 0
  const draw = { int: (bound: number) => next++ % bound }
  t.equal(generateName('web-', draw), 'web-bcdfg')
  t.equal(generateName(long(80), draw), `${long(58)}hjklm`)
  t.end()
})

void t.test(
  'a template keeps its hash whatever the order of its fields, and changes it with a collision',
  (t) => {
    const a = podTemplateHash({ x: 1, y: [1, 2] })
    t.equal(podTemplateHash({ y: [1, 2], x: 1 }), a)
    t.not(podTemplateHash({ x: 1, y: [2, 1] }), a)
    t.not(podTemplateHash({ x: 1, y: [1, 2] }, 1), a)
    t.match(a, /^[bcdfghjklmnpqrstvwxz2456789]+$/)
    t.end()
  },
)

void t.test('percentages round up or down; anything else is refused', (t) => {
  t.equal(resolveIntOrPercent('25%', 10, true), 3)
  t.equal(resolveIntOrPercent('25%', 10, false), 2)
  t.equal(resolveIntOrPercent(7, 10, true), 7)
  t.throws(() => resolveIntOrPercent('a lot', 10, true), RangeError)
  t.end()
})

void t.test('a condition keeps its date while its status stays', (t) => {
  const first = setCondition<ConditionLike>(undefined, { type: 'Ready', status: 'False' }, 't1')
  const same = setCondition<ConditionLike>(
    first,
    { type: 'Ready', status: 'False', lastTransitionTime: 'ignored' },
    't2',
  )
  t.equal(findCondition(same, 'Ready')?.lastTransitionTime, 't1')
  const turned = setCondition(
    [{ type: 'A', status: 'True' }, ...same],
    { type: 'Ready', status: 'True' },
    't3',
  )
  t.same(
    turned.map(({ type }) => type),
    ['A', 'Ready'],
  )
  t.equal(findCondition(turned, 'Ready')?.lastTransitionTime, 't3')
  t.end()
})

void t.test('ages have at most three figures', (t) => {
  const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000]
  const cases: readonly (readonly [number, string])[] = [
    [-2000, '<invalid>'],
    [0, '0s'],
    [119 * second, '119s'],
    [120 * second, '2m'],
    [125 * second, '2m5s'],
    [12 * minute, '12m'],
    [179 * minute, '179m'],
    [3 * hour + 5 * minute, '3h5m'],
    [47 * hour, '47h'],
    [50 * hour, '2d2h'],
    [30 * day, '30d'],
    [800 * day, '2y70d'],
    [9 * 365 * day, '9y'],
  ]
  for (const [ms, text] of cases) t.equal(humanDuration(ms), text)
  t.equal(age(undefined, 0), '<unknown>')
  t.equal(formatTime(parseTime('2026-01-02T03:04:05+01:00') ?? 0), '2026-01-02T02:04:05Z')
  t.equal(parseTime('2026-13-02T03:04:05Z'), undefined)
  t.end()
})
