import { readFileSync } from 'node:fs'
import t from 'tap'
import { catalog } from './catalog.ts'
import { CliError, errorCodes, errorObject, formatError } from './cli-error.ts'
import { main } from './main.ts'
import { fakeShell } from './testing/fakes.ts'
import { version } from './version.ts'

void t.test('without a verb it shows every verb and exits with 64', async (t) => {
  const shell = fakeShell()
  t.equal(await main(shell), 64)
  for (const entry of catalog) t.ok(shell.out.join('').includes(entry.name), entry.name)
})

void t.test('every verb of the catalogue loads and explains itself', async (t) => {
  for (const entry of catalog) {
    const shell = fakeShell({ args: [entry.name, '--help'] })
    t.equal(await main(shell), 0, entry.name)
    t.match(shell.out.join(''), /Usage: skedia/, entry.name)
  }
})

void t.test('an unknown verb and an unknown flag are usage errors with a way out', async (t) => {
  for (const args of [['upp'], ['up', '--foo'], ['kill'], ['up', '--members', '2']]) {
    const shell = fakeShell({ args })
    t.equal(await main(shell), 64, args.join(' '))
    t.match(
      shell.err.join(''),
      /✗ .*\n {2}fix {4}skedia .*\n[^]* {2}code {3}E_USAGE {4}docs\/errors.md#e_usage\n/,
      args.join(' '),
    )
  }
})

void t.test('a misspelt flag is named rather than the required one that it stands for', async (t) => {
  const shell = fakeShell({ args: ['store', '--nmae=m1'] })
  t.equal(await main(shell), 64)
  t.match(shell.err.join(''), /skedia store: unknown option '--nmae'\n/)
})

void t.test('with --json the error is one JSON object', async (t) => {
  const shell = fakeShell({ args: ['status', '--json', '--dir', '/nowhere'] })
  t.equal(await main(shell), 1)
  t.match(JSON.parse(shell.out.join('')), { v: 1, type: 'error', code: 'E_NO_CLUSTER', exitCode: 1 })
})

void t.test('an error has four parts', async (t) => {
  const error = new CliError({
    code: 'E_PORT_IN_USE',
    message: 'm2 cannot listen on 127.0.0.1:2380',
    found: 'held by pid 4121 (etcd)',
    fixes: [{ command: 'skedia up --base-port 12379', why: 'another port range' }],
  })
  t.equal(
    formatError(error),
    '✗ m2 cannot listen on 127.0.0.1:2380 — held by pid 4121 (etcd)\n' +
      '  fix    skedia up --base-port 12379   another port range\n' +
      '  code   E_PORT_IN_USE    docs/errors.md#e_port_in_use\n',
  )
  t.match(errorObject(error), { exitCode: 73 })
})

void t.test('docs/errors.md explains every code', async (t) => {
  const text = readFileSync('docs/errors.md', 'utf8')
  for (const [code, exitCode] of Object.entries(errorCodes)) {
    t.match(text, new RegExp(`^## ${code}$`, 'm'), code)
    t.match(text, new RegExp(`## ${code}\\n\\nExit code ${exitCode}\\.`), `${code} and its exit code`)
  }
})

void t.test('the version is that of package.json', async (t) => {
  t.equal(JSON.parse(readFileSync('package.json', 'utf8')).version, version)
})
