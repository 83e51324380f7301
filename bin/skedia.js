#!/usr/bin/env node
// The `skedia` command. Checks the Node version before anything that an older one could not parse, then
// hands the process (arguments, environment, output, signals) to `cli/main` as one object, so that
// nothing below reads them from the air. Runs the built files; SKEDIA_DIST names another build.
import { setMaxListeners } from 'node:events'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `✗ skedia needs Node 20.19 or newer — this is Node ${process.versions.node}\n` +
      '  fix    install Node 22 or 24 from https://nodejs.org, or: npx -p node@22 skedia …\n' +
      '  code   E_NODE_VERSION    docs/errors.md#e_node_version\n',
  )
  process.exit(64)
}

// One signal that ends a component is listened to by each of its waits: many listeners are no leak here.
setMaxListeners(0)

const dist = process.env.SKEDIA_DIST
  ? `${process.env.SKEDIA_DIST}/`
  : new URL('../dist/', import.meta.url).pathname
const entry = new URL(import.meta.url).pathname

function output(stream) {
  stream.on('error', (error) => {
    if (error.code === 'EPIPE') process.exit(0) // the reader (head, less) has seen enough
  })
  return {
    isTty: stream.isTTY === true,
    columns: () => stream.columns ?? 100,
    write: (text) => stream.write(text),
  }
}

const shell = {
  args: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  uid: process.getuid?.() ?? -1,
  nodePath: process.execPath,
  nodeVersion: process.versions.node,
  platform: `${process.platform} ${process.arch}`,
  entry,
  root: new URL('../', import.meta.url).pathname.replace(/\/$/, ''),
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  onSignal: (signal, handler) => {
    process.on(signal, handler)
    return () => process.off(signal, handler)
  },
  exit: (code) => process.exit(code),
}

let main
try {
  ;({ main } = await import(`${dist}cli/main.js`))
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !String(error.message).includes('cli/main.js')) throw error
  process.stderr.write(
    '✗ skedia is not built — dist/cli/main.js is missing\n' +
      '  fix    npm run build\n' +
      '  code   E_NOT_BUILT    docs/errors.md#e_not_built\n',
  )
  process.exit(70)
}
// Ends the process even when a detached child is still known to it, after a pipe has taken all output.
const code = await main(shell)
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
