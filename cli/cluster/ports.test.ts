import t from 'tap'
import { type Network, NetworkError } from '../../platform/network.ts'
import { CliError } from '../cli-error.ts'
import { FakeProcesses } from '../testing/fakes.ts'
import { chooseBasePort, defaultBasePort } from './ports.ts'

/** A loopback on which some ports are taken. */
function powersWith(taken: readonly number[]) {
  const refuse = () => Promise.reject(new Error('not in this test'))
  const network: Network = {
    listenFrames: refuse,
    dialFrames: refuse,
    listenHttp: refuse,
    dialBytes: refuse,
    httpClient: () => {
      throw new Error('not in this test')
    },
    listenBytes: ({ address }) =>
      taken.includes(address.port)
        ? Promise.reject(new NetworkError({ code: 'EADDRINUSE', message: 'in use', maybeDelivered: false }))
        : Promise.resolve({ address, close: () => Promise.resolve() }),
  }
  return { network, processes: new FakeProcesses() }
}

const plan = (basePort: number) => [
  { name: 'f1', port: basePort },
  { name: 'm1', port: basePort + 11 },
]

void t.test('the default is taken when it is free', async (t) => {
  const chosen = await chooseBasePort(powersWith([]), {
    wished: undefined,
    reserved: new Set(),
    plan,
    name: 'blue',
  })
  t.same(chosen, { basePort: defaultBasePort, conflict: undefined })
})

void t.test('a busy port moves the cluster to the next range and is named', async (t) => {
  const chosen = await chooseBasePort(powersWith([6454]), {
    wished: undefined,
    reserved: new Set(),
    plan,
    name: 'blue',
  })
  t.same(chosen, { basePort: 6563, conflict: { name: 'm1', port: 6454, holder: 'another process' } })
})

void t.test('ports of a stopped cluster stay its own', async (t) => {
  const chosen = await chooseBasePort(powersWith([]), {
    wished: undefined,
    reserved: new Set([6443]),
    plan,
    name: 'blue',
  })
  t.match(chosen, { basePort: 6563, conflict: { name: 'f1', holder: 'another cluster of this machine' } })
})

void t.test('a busy port in a range that was asked for is an error', async (t) => {
  const choosing = chooseBasePort(powersWith([9011]), {
    wished: 9000,
    reserved: new Set(),
    plan,
    name: 'blue',
  })
  const error = await choosing.catch((caught: unknown) => caught)
  t.ok(error instanceof CliError)
  t.match(error, { code: 'E_PORT_IN_USE', exitCode: 73, message: 'm1 cannot listen on 127.0.0.1:9011' })
})
