import fc from 'fast-check'
import t from 'tap'
import {
  fieldSelectorProblem,
  formatFieldSelector,
  matchesFields,
  parseFieldSelector,
} from './field-selector.ts'
import {
  SelectorError,
  everything,
  formatLabelSelector,
  formatSelector,
  isEverything,
  labelSelectorFrom,
  matchesLabels,
  parseLabelSelector,
  selectorFromLabels,
} from './selector.ts'

void t.test('each operator selects what it says', (t) => {
  const labels = { app: 'web', tier: 'front', size: '10', empty: '' }
  const yes = [
    '',
    'app=web',
    'app==web',
    'app!=db',
    'app in (web, db)',
    'app notin (db)',
    'app',
    '!gone',
    'size>9',
    'size<11',
    'gone!=x',
    'gone notin (x)',
    'empty=',
    'app=web,tier=front',
    ' app = web , tier ',
    'empty in ()',
  ]
  const no = [
    'app=db',
    'app!=web',
    'app in (db)',
    'app notin (web,db)',
    '!app',
    'gone',
    'size>10',
    'size<10',
    'app>1',
    'gone=',
    'app=web,tier=back',
  ]
  for (const text of yes) t.ok(matchesLabels(parseLabelSelector(text), labels), text)
  for (const text of no) t.notOk(matchesLabels(parseLabelSelector(text), labels), text)
  t.end()
})

void t.test('what is no selector is refused', (t) => {
  for (const text of [
    '=x',
    'a=b=c',
    'a in b',
    'a in (b',
    'a,',
    ',a',
    'a b',
    '!',
    'a>x',
    'a=b!',
    'in (a)',
    '-a=b',
    'a=-b-',
  ]) {
    t.throws(() => parseLabelSelector(text), SelectorError, text)
  }
  t.end()
})

void t.test('a missing LabelSelector selects nothing, an empty one everything', (t) => {
  t.notOk(matchesLabels(labelSelectorFrom(undefined), { a: 'b' }))
  t.ok(matchesLabels(labelSelectorFrom({}), { a: 'b' }))
  t.ok(isEverything(everything))
  t.notOk(isEverything(labelSelectorFrom(undefined)))
  t.end()
})

void t.test('a LabelSelector prints as kubectl shows it', (t) => {
  t.equal(formatLabelSelector({ matchLabels: { b: '2', a: '1' } }), 'a=1,b=2')
  t.equal(
    formatLabelSelector({ matchExpressions: [{ key: 'a', operator: 'In', values: ['y', 'x'] }] }),
    'a in (x,y)',
  )
  t.equal(formatLabelSelector({ matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] }), '!a')
  t.equal(formatLabelSelector({}), '<none>')
  t.equal(formatLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Like' }] }), '<error>')
  t.end()
})

const key = fc.constantFrom('a', 'b', 'x.io/c')
const value = fc.constantFrom('1', '2', 'v')
const requirement = fc.oneof(
  fc.tuple(key, fc.constantFrom('=', '!='), value).map((parts) => parts.join('')),
  fc
    .tuple(key, fc.constantFrom('in', 'notin'), fc.array(value, { minLength: 1 }))
    .map(([k, o, v]) => `${k} ${o} (${v.join(',')})`),
  key,
  key.map((k) => `!${k}`),
)
const selectorText = fc.array(requirement, { maxLength: 4 }).map((parts) => parts.join(','))
const labels = fc.dictionary(key, value)

void t.test('a printed selector reads as one that selects the same', (t) => {
  fc.assert(
    fc.property(selectorText, labels, (text, given) => {
      const selector = parseLabelSelector(text)
      const again = parseLabelSelector(formatSelector(selector))
      return (
        matchesLabels(selector, given) === matchesLabels(again, given) &&
        formatSelector(again) === formatSelector(selector)
      )
    }),
  )
  t.pass('held for every drawn case')
  t.end()
})

void t.test('labels are selected by the selector made of them, and more labels change nothing', (t) => {
  fc.assert(
    fc.property(labels, labels, (own, more) => matchesLabels(selectorFromLabels(own), { ...more, ...own })),
  )
  t.pass('held for every drawn case')
  t.end()
})

void t.test('field selectors compare texts, with escapes', (t) => {
  const fields = new Map([
    ['status.phase', 'Running'],
    ['metadata.name', 'a,b=c'],
  ])
  const matches = (text: string) =>
    matchesFields(parseFieldSelector(text), (field) => fields.get(field) ?? '')
  t.ok(matches('status.phase=Running'))
  t.ok(matches('status.phase==Running,status.phase!=Failed'))
  t.notOk(matches('status.phase!=Running'))
  t.ok(matches('metadata.name=a\\,b\\=c'))
  t.ok(matches('spec.nodeName='))
  t.equal(formatFieldSelector(parseFieldSelector('metadata.name=a\\,b\\=c')), 'metadata.name=a\\,b\\=c')
  t.throws(() => parseFieldSelector('nonsense'), SelectorError)
  t.throws(() => parseFieldSelector('a=b\\x'), SelectorError)
  t.end()
})

void t.test('a field that a kind does not know is refused in upstream words', (t) => {
  const pods = { namespaced: true, selectableFields: { 'status.phase': () => '' } }
  const nodes = { namespaced: false, selectableFields: {} }
  t.equal(fieldSelectorProblem(pods, parseFieldSelector('status.phase=x,metadata.namespace=y')), undefined)
  t.equal(fieldSelectorProblem(pods, parseFieldSelector('spec.foo=x')), 'field label not supported: spec.foo')
  t.equal(
    fieldSelectorProblem(nodes, parseFieldSelector('spec.foo=x')),
    '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
  )
  t.ok(fieldSelectorProblem(nodes, parseFieldSelector('metadata.namespace=x')))
  t.end()
})
