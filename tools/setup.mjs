/**
 * Sets up what is missing, so that `npm start` and `npm test` each work from a fresh clone: the locked npm
 * dependencies, the system packages (as root, where apt-get exists), and the build where sources are newer.
 * Plain JavaScript, because it runs before anything is built or installed.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const roomsWithSources = ['platform', 'raft', 'store', 'api', 'client', 'apiserver', 'controllers', 'scheduler', 'kubelet', 'proxy', 'cloud', 'cli', 'dashboard', 'harness', 'tools']

/** What the node needs of the system: the program that is looked for, its Debian package, and why. */
const systemPackages = [
  { program: 'runc', package: 'runc', why: 'runs the containers' },
  { program: 'ip', package: 'iproute2', why: 'gives each node and pod a network namespace' },
  { program: 'nft', package: 'nftables', why: 'programs Services into the kernel' },
  { program: 'iptables', package: 'iptables', why: 'the fallback of nftables, and what the CNI plugins call' },
  { program: 'conntrack', package: 'conntrack', why: 'forgets UDP flows to endpoints that are gone' },
  { program: 'busybox', package: 'busybox-static', why: 'is the content of the first images' },
  { program: '/usr/lib/cni/bridge', package: 'containernetworking-plugins', why: 'connects pods to their node' },
]

function fail(message) {
  process.stderr.write(`✗ ${message}\n`)
  process.exit(1)
}

function checkNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Skedia needs Node 20.19 or newer, found ${process.versions.node}\n  fix    install a newer Node (https://nodejs.org) and run this again`)
  }
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options })
  if (result.error) fail(`${command} could not be started: ${result.error.message}`)
  return result.status ?? 1
}

function modifiedMs(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}

function installDependencies() {
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (modifiedMs(installed) >= modifiedMs(join(root, 'package-lock.json'))) return
  process.stdout.write('setup: installing the locked npm dependencies (npm ci), because they are missing or older than package-lock.json\n')
  if (run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']) !== 0) fail('npm ci failed; its output is above')
}

function isInstalled({ program }) {
  if (program.startsWith('/')) return existsSync(program)
  const folders = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`.split(':')
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)))
}

function installSystemPackages() {
  const missing = systemPackages.filter((entry) => !isInstalled(entry))
  if (missing.length === 0) return
  const list = missing.map((entry) => `${entry.package} (${entry.why})`).join(', ')
  const isRoot = process.getuid?.() === 0
  const consequence = 'without them pods are simulated: see the banner'
  if (process.env.SKEDIA_NO_APT === '1') {
    process.stdout.write(`setup: missing ${list}; SKEDIA_NO_APT=1, so nothing is installed; ${consequence}\n`)
    return
  }
  if (!isRoot || !isInstalled({ program: 'apt-get' })) {
    process.stdout.write(`setup: missing ${list}; this needs root and apt-get; ${consequence}\n`)
    return
  }
  process.stdout.write(`setup: installing system packages with apt-get (SKEDIA_NO_APT=1 refuses): ${list}\n`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...missing.map((entry) => entry.package)]
  const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] }
  if (run('apt-get', install, quiet) === 0) return
  if (run('apt-get', ['update', '-qq'], quiet) === 0 && run('apt-get', install, quiet) === 0) return
  process.stdout.write(`setup: apt-get failed (above); ${consequence}\n`)
}

function* walk(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* walk(path)
    else yield path
  }
}

function newestSourceMs() {
  let newest = Math.max(modifiedMs(join(root, 'tsconfig.json')), modifiedMs(join(root, 'package-lock.json')))
  for (const room of roomsWithSources) {
    const directory = join(root, room)
    if (!existsSync(directory)) continue
    for (const path of walk(directory)) newest = Math.max(newest, modifiedMs(path))
  }
  return newest
}

/** Removes built files whose source is gone, so that no stale test or module is ever run. */
function removeStale(dist) {
  if (!existsSync(dist)) return
  for (const path of walk(dist)) {
    const match = /^(.*)\.(js|js\.map)$/.exec(relative(dist, path))
    if (match && !existsSync(join(root, `${match[1]}.ts`))) rmSync(path)
  }
}

/** Everything beside the sources that the running code reads: test data and generated tables. */
function copyData(dist) {
  for (const room of roomsWithSources) {
    const directory = join(root, room)
    if (!existsSync(directory)) continue
    for (const path of walk(directory)) {
      if (/\.(ts|md|mjs|js|cjs)$/.test(path)) continue
      const target = join(dist, relative(root, path))
      mkdirSync(dirname(target), { recursive: true })
      cpSync(path, target)
    }
  }
}

export function build() {
  const dist = join(root, 'dist')
  const stamp = join(dist, '.built')
  if (modifiedMs(stamp) >= newestSourceMs()) return
  process.stdout.write('setup: building, because sources are newer than the build\n')
  const builtFrom = new Date()
  removeStale(dist)
  const compiler = join(root, 'node_modules', 'typescript7', 'bin', 'tsc')
  if (run(process.execPath, [compiler, '-p', root]) !== 0) fail('the build failed; the compiler said why above')
  copyData(dist)
  writeFileSync(stamp, `${builtFrom.toISOString()} ${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}\n`)
}

checkNodeVersion()
installDependencies()
if (!process.argv.includes('--no-system')) installSystemPackages()
build()
