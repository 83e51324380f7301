/**
 * House rules that no linter knows, checked over the sources as text.
 *
 *     node dist/tools/tidy.js        exit 0: tidy; 1: what is not, a line each
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const rooms = [
  'platform',
  'raft',
  'store',
  'api',
  'client',
  'apiserver',
  'controllers',
  'scheduler',
  'kubelet',
  'proxy',
  'cloud',
  'cli',
  'dashboard',
  'harness',
  'tools',
]
const root = process.cwd()

interface Source {
  readonly path: string
  readonly lines: readonly string[]
  readonly isTest: boolean
  readonly isGenerated: boolean
}

function* walk(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = `${directory}/${entry.name}`
    if (entry.isDirectory()) yield* walk(path)
    else yield path
  }
}

function readSources(): readonly Source[] {
  const paths = rooms.filter((room) => existsSync(join(root, room))).flatMap((room) => [...walk(room)])
  return paths
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({
      path,
      lines: readFileSync(join(root, path), 'utf8').split('\n'),
      isTest: /\.(test|conformance)\.ts$/.test(path) || path.includes('/e2e/'),
      isGenerated: path.includes('/generated/') || path === 'api/types.ts',
    }))
}

interface LineRule {
  readonly name: string
  readonly pattern: RegExp
  readonly applies: (source: Source) => boolean
  readonly instead: string
}

const inProduction = (source: Source): boolean => !source.isTest && !source.isGenerated
const abovePlatform = (source: Source): boolean =>
  inProduction(source) &&
  !/^(platform|tools|harness\/(bench|jepsen)|harness\/sim\/(main|worker)\.ts)/.test(source.path)

const lineRules: readonly LineRule[] = [
  {
    name: 'ambient time',
    pattern: /\bnew Date\(\)|\bDate\.now\(/,
    applies: abovePlatform,
    instead: 'the Clock power',
  },
  {
    name: 'ambient environment',
    pattern: /\bprocess\.(env|argv|exit|cwd|hrtime)\b/,
    applies: abovePlatform,
    instead: 'platform/node',
  },
  {
    name: 'any',
    pattern: /(: any\b|\bas any\b|<any>)/,
    applies: (source) => inProduction(source) && source.path !== 'tools/tidy.ts',
    instead: 'unknown, parsed once',
  },
  {
    name: 'unfinished',
    pattern: /\b(TODO|FIXME|XXX|HACK)\b|not implemented/,
    applies: (source) => source.path !== 'tools/tidy.ts',
    instead: 'finishing it',
  },
  {
    name: 'skipped or focused test',
    pattern: /\bt\.(skip|todo|only)\(|\b(skip|todo|only): /,
    applies: (source) => source.isTest,
    instead: 'a test that runs; gate a capability by the file name .kernel.test.ts',
  },
  {
    name: 'enum or namespace',
    pattern: /^\s*(export )?(declare )?(const )?(enum|namespace) [A-Z]\w* *\{/,
    applies: inProduction,
    instead: 'a union of literals',
  },
  { name: 'default export', pattern: /^export default /, applies: inProduction, instead: 'a named export' },
]

function checkLines(sources: readonly Source[]): string[] {
  const problems: string[] = []
  for (const source of sources) {
    for (const rule of lineRules) {
      if (!rule.applies(source)) continue
      source.lines.forEach((line, index) => {
        const code =
          rule.name === 'unfinished'
            ? line
            : line.replace(/\/\/.*$|^\s*\/?\*.*$/, '').replace(/'[^']*'|`[^`]*`/g, "''")
        if (rule.pattern.test(code))
          problems.push(`${source.path}:${index + 1}: ${rule.name}: use ${rule.instead} instead`)
      })
    }
  }
  return problems
}

function checkNames(sources: readonly Source[]): string[] {
  const junk = sources.filter((source) =>
    /(^|\/)(utils?|helpers?|common|misc|shared)(\.|\/|-)/.test(source.path),
  )
  const notKebab = sources.filter(
    (source) => !/^[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*\.ts$/.test(source.path.split('/').at(-1) ?? ''),
  )
  return [
    ...junk.map(
      (source) =>
        `${source.path}: a junk-drawer name: put each thing beside its only user, or name what it is`,
    ),
    ...notKebab.map((source) => `${source.path}: file names are kebab-case nouns`),
  ]
}

function checkHeaders(sources: readonly Source[]): string[] {
  const headless = sources.filter(
    (source) =>
      inProduction(source) &&
      !(source.lines[0] ?? '').startsWith('/**') &&
      source.path.split('/').at(-1) !== 'index.ts',
  )
  return headless.map(
    (source) => `${source.path}:1: no header: say what the file is for, in a comment at its top`,
  )
}

function checkTests(sources: readonly Source[]): string[] {
  const empty = sources.filter(
    (source) =>
      source.path.endsWith('.test.ts') &&
      !source.lines.some((line) => /\b(t|tap)\.test\(|\bConformance\(/.test(line)),
  )
  return empty.map((source) => `${source.path}: a test file without a test`)
}

/** Every file of a catalogued folder stands in its catalogue. */
function checkCatalogues(sources: readonly Source[]): string[] {
  const problems: string[] = []
  for (const catalogue of sources.filter((source) => source.path.endsWith('/catalog.ts'))) {
    const folder = catalogue.path.slice(0, -'/catalog.ts'.length)
    const text = catalogue.lines.join('\n')
    const pattern = /^\/\/ catalogues: (.+)$/m.exec(text)?.[1] ?? /catalogues: `([^`]+)`/.exec(text)?.[1]
    if (pattern === undefined) continue
    const expected = new RegExp(pattern)
    for (const source of sources) {
      if (!source.path.startsWith(`${folder}/`) || source.isTest || source === catalogue) continue
      const name = source.path.slice(folder.length + 1)
      if (expected.test(name) && !text.includes(`./${name}`))
        problems.push(`${source.path}: missing from ${catalogue.path}`)
    }
  }
  return problems
}

function checkRoomReadmes(): string[] {
  const missing = rooms.filter(
    (room) => existsSync(join(root, room)) && !existsSync(join(root, room, 'README.md')),
  )
  return missing.map((room) => `${room}/: no README.md`)
}

/** Each path that the reading path names exists. */
function checkReadingPath(): string[] {
  const path = 'docs/reading-path.md'
  if (!existsSync(join(root, path))) return [`${path}: missing`]
  const named = [...readFileSync(join(root, path), 'utf8').matchAll(/`([a-z]+(?:\/[a-z0-9-]+)+\.ts)`/g)].map(
    (match) => match[1] ?? '',
  )
  if (named.length < 15) return [`${path}: names only ${named.length} files`]
  return named
    .filter((file) => !existsSync(join(root, file)))
    .map((file) => `${path}: ${file} does not exist`)
}

const sources = readSources()
if (sources.length < 50)
  throw new Error(`tidy saw only ${sources.length} sources: run it from the project's root`)
const problems = [
  ...checkLines(sources),
  ...checkNames(sources),
  ...checkHeaders(sources),
  ...checkTests(sources),
  ...checkCatalogues(sources),
  ...checkRoomReadmes(),
  ...checkReadingPath(),
]
for (const problem of problems) process.stdout.write(`${problem}\n`)
process.stdout.write(`tidy: ${sources.length} files, ${problems.length} problems\n`)
process.exitCode = problems.length > 0 ? 1 : 0
