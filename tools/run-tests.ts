/**
 * Everything that `npm test` runs, in order, each step with its time, and a plain closing count.
 *
 *     npm test                      all of it
 *     npm test -- --only unit,sim   some steps
 *
 * Exit 0 when every step passed. What a machine cannot do (root, runc, nft, kubectl) is named, never
 * skipped in silence; a step that saw nothing to check fails.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'

interface StepResult {
  readonly ok: boolean
  /** Tests that passed, where the step counts tests. */
  readonly passed?: number
  readonly failed?: number
}

interface Step {
  readonly name: string
  readonly run: () => Promise<StepResult>
}

const node = process.execPath
const simSeeds = 100

/** Runs a command to its end and gives its output; shows it as it comes unless `isQuiet`. */
function execute(
  command: string,
  args: readonly string[],
  isQuiet = false,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const take = (chunk: Buffer): void => {
      output += chunk.toString()
      if (!isQuiet) process.stdout.write(chunk)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

async function succeeds(command: string, args: readonly string[]): Promise<StepResult> {
  return { ok: (await execute(command, args)).code === 0 }
}

/** Runs dependency-cruiser and refuses a run that saw no modules. */
async function checkDependencies(): Promise<StepResult> {
  const rooms = readdirSync('.', { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(\.|node_modules|dist|docs|bin|runs)/.test(entry.name))
    .map((entry) => entry.name)
  const { code, output } = await execute(node, [
    'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    '--config',
    '.dependency-cruiser.cjs',
    ...rooms,
  ])
  const modules = Number(/\((\d+) modules/.exec(output)?.[1] ?? /(\d+) modules/.exec(output)?.[1] ?? 0)
  if (modules < 50)
    process.stdout.write(`dependency-cruiser saw only ${modules} modules: nothing was checked\n`)
  return { ok: code === 0 && modules >= 50 }
}

function* walk(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (/^(node_modules|dist|\.)/.test(entry.name)) continue
    const path = directory === '.' ? entry.name : `${directory}/${entry.name}`
    if (entry.isDirectory()) yield* walk(path)
    else yield path
  }
}

/** Built test files whose sources exist, by their suffix. */
function testFiles(suffix: string): readonly string[] {
  const all = [...walk('.')].filter((path) => path.endsWith('.test.ts') || path.endsWith('.e2e.test.ts'))
  const special = /\.(kernel|e2e)\.test\.ts$/
  const chosen =
    suffix === '' ? all.filter((path) => !special.test(path)) : all.filter((path) => path.endsWith(suffix))
  return chosen.sort().map((path) => `dist/${path.slice(0, -3)}.js`)
}

/** Terminal control sequences and the runner's progress lines, taken out. */
function withoutRedrawing(output: string): string {
  const escape = String.fromCharCode(27)
  const text = output
    .split(escape)
    .map((part, index) => (index === 0 ? part : part.replace(/^\[[?0-9;]*[A-Za-z]/, '')))
  return text
    .join('')
    .split('\n')
    .filter((line) => !/^(Asserts|Suites):|^# No coverage generated$/.test(line))
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
}

async function runTap(
  files: readonly string[],
  options: { jobs: number; timeoutSeconds: number },
): Promise<StepResult> {
  if (files.length === 0) {
    process.stdout.write('no test file was found\n')
    return { ok: false }
  }
  const args = [
    'node_modules/tap/dist/esm/run.mjs',
    'run',
    `--jobs=${options.jobs}`,
    `--timeout=${options.timeoutSeconds}`,
    '--reporter=terse',
    ...files,
  ]
  // The runner redraws its progress all the time: shown is what failed, and the count.
  const { code, output } = await execute(node, args, true)
  const plain = withoutRedrawing(output)
  const totals = /# \{([^}]*)\}/.exec(plain.replace(/\n\s+/g, ' '))?.[1] ?? ''
  const count = (name: string): number => Number(new RegExp(`${name}: (\\d+)`).exec(totals)?.[1] ?? 0)
  const ok = code === 0 && count('pass') > 0 && count('skip') === 0 && count('todo') === 0
  if (!ok) process.stdout.write(plain)
  process.stdout.write(`${files.length} files: ${totals}\n`)
  return { ok, passed: count('pass'), failed: count('fail') }
}

/** What this machine lacks for real containers; empty when it can run them. */
function missingCapabilities(): readonly string[] {
  const missing: string[] = []
  if (process.getuid?.() !== 0) missing.push('root')
  for (const program of ['runc', 'ip', 'nft', 'iptables', 'nsenter', 'busybox', 'conntrack', 'bash']) {
    const found = ['/usr/bin', '/usr/sbin', '/sbin', '/bin', '/usr/local/bin', '/usr/local/sbin'].some(
      (folder) => existsSync(`${folder}/${program}`),
    )
    if (!found) missing.push(program)
  }
  if (missing.length === 0 && spawnSync('ip', ['netns', 'list']).status !== 0)
    missing.push('network namespaces')
  return missing
}

async function runKernelTests(): Promise<StepResult> {
  const missing = missingCapabilities()
  if (missing.length > 0) {
    process.stdout.write(
      `this machine lacks ${missing.join(', ')}: the tests on the real kernel are left out\n`,
    )
    return { ok: true }
  }
  return runTap(testFiles('.kernel.test.ts'), { jobs: 1, timeoutSeconds: 180 })
}

async function runSimulation(): Promise<StepResult> {
  const { code, output } = await execute(node, ['dist/harness/sim/main.js', '--seeds', String(simSeeds)])
  const held = Number(/(\d+) of \d+ seeds held/.exec(output)?.[1] ?? 0)
  return { ok: code === 0 && held === simSeeds, passed: held, failed: simSeeds - held }
}

const steps: readonly Step[] = [
  { name: 'format', run: () => succeeds('node_modules/.bin/biome', ['format', '.']) },
  { name: 'lint', run: () => succeeds('node_modules/.bin/oxlint', ['--type-aware']) },
  { name: 'types', run: () => succeeds(node, ['node_modules/typescript7/bin/tsc', '-p', '.', '--noEmit']) },
  { name: 'dependencies', run: checkDependencies },
  { name: 'tidy', run: () => succeeds(node, ['dist/tools/tidy.js']) },
  { name: 'unit', run: () => runTap(testFiles(''), { jobs: 2, timeoutSeconds: 240 }) },
  { name: 'kernel', run: runKernelTests },
  { name: 'sim', run: runSimulation },
  { name: 'e2e', run: () => runTap(testFiles('.e2e.test.ts'), { jobs: 1, timeoutSeconds: 600 }) },
]

async function main(): Promise<void> {
  const only = process.argv.includes('--only')
    ? (process.argv[process.argv.indexOf('--only') + 1] ?? '').split(',')
    : undefined
  const unknown = only?.filter((name) => !steps.some((step) => step.name === name)) ?? []
  if (unknown.length > 0) {
    process.stderr.write(
      `unknown step ${unknown.join(', ')}; the steps are ${steps.map((step) => step.name).join(', ')}\n`,
    )
    process.exitCode = 64
    return
  }
  const lines: string[] = []
  let passed = 0
  let failed = 0
  let ok = true
  for (const step of steps) {
    if (only && !only.includes(step.name)) continue
    process.stdout.write(`\n── ${step.name}\n`)
    const startedMs = performance.now()
    const result = await step.run()
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
    const counts =
      result.passed === undefined ? '' : `, ${result.passed} passed, ${result.failed ?? 0} failed`
    lines.push(`${result.ok ? '✓' : '✗'} ${step.name.padEnd(13)} ${seconds.padStart(6)} s${counts}`)
    passed += result.passed ?? 0
    failed += result.failed ?? 0
    ok &&= result.ok
  }
  process.stdout.write(
    `\n${lines.join('\n')}\n\n${passed + failed} tests: ${passed} passed, ${failed} failed\n`,
  )
  if (!ok) process.stdout.write('npm test failed: see the steps marked ✗ above\n')
  process.exitCode = ok ? 0 : 1
}

await main()
