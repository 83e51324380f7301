import t from 'tap'
import { FakeClock, FakeProcesses, settle } from '../testing/fakes.ts'
import { backoffFirstMs, backoffMaxMs, healthyRunMs, SupervisedProcess } from './supervised-process.ts'

function supervised() {
  const clock = new FakeClock()
  const processes = new FakeProcesses()
  const ends: string[] = []
  const process = new SupervisedProcess({
    name: 'm1',
    kind: 'store',
    command: 'node',
    args: ['store'],
    env: {},
    logFile: '/logs/m1.log',
    clock,
    processes,
    onChange: () => {},
    onUnaskedEnd: (reason) => ends.push(reason),
  })
  return { clock, processes, process, ends }
}

void t.test('a death that nobody asked for is restarted, each time after twice the wait', async (t) => {
  const { clock, processes, process, ends } = supervised()
  await process.start()
  for (const waitMs of [backoffFirstMs, backoffFirstMs * 2, backoffFirstMs * 4]) {
    const count = processes.children.length
    processes.children.at(-1)?.end({ code: 1 })
    await settle()
    t.equal(process.view().phase, 'waiting')
    t.equal(process.view().lastExit, 'exit 1')
    await clock.advance(waitMs - 1)
    t.equal(processes.children.length, count, `not yet after ${waitMs - 1} ms`)
    await clock.advance(1)
    t.equal(processes.children.length, count + 1, `again after ${waitMs} ms`)
  }
  t.equal(process.view().restarts, 3)
  t.same(ends, ['exit 1', 'exit 1', 'exit 1'])
})

void t.test('the wait never exceeds its bound, and a healthy run resets it', async (t) => {
  const { clock, processes, process } = supervised()
  await process.start()
  for (let i = 0; i < 12; i += 1) {
    processes.children.at(-1)?.end({ signal: 'SIGSEGV' })
    await clock.advance(backoffMaxMs)
  }
  t.equal(processes.children.length, 13, 'every wait was at most the bound')
  await clock.advance(healthyRunMs)
  processes.children.at(-1)?.end({ code: 70 })
  await clock.advance(backoffFirstMs)
  t.equal(processes.children.length, 14)
  t.equal(process.view().failuresInRow, 1)
})

void t.test('a killed process stays down until it is started', async (t) => {
  const { clock, processes, process, ends } = supervised()
  await process.start()
  await process.kill()
  t.same(processes.children[0]?.signals, ['SIGKILL'])
  await clock.advance(60_000)
  t.equal(process.view().phase, 'down')
  t.same(ends, [], 'and nobody is alarmed')
  t.equal(processes.children.length, 1)
  await process.start()
  t.equal(process.view().phase, 'running')
  t.equal(processes.children.length, 2)
  t.equal(process.view().restarts, 0, 'a start that was asked for is no restart')
})

void t.test('kill during the back-off cancels the restart', async (t) => {
  const { clock, processes, process } = supervised()
  await process.start()
  processes.children[0]?.end({ code: 1 })
  await settle()
  await process.kill()
  await clock.advance(60_000)
  t.equal(processes.children.length, 1)
})

void t.test('a process that ignores SIGTERM is killed when its grace is over', async (t) => {
  const { clock, processes, process } = supervised()
  processes.ignoresTerm = true
  await process.start()
  const stopping = process.stop(5_000)
  await clock.advance(4_999)
  t.same(processes.children[0]?.signals, ['SIGTERM'])
  await clock.advance(1)
  await stopping
  t.same(processes.children[0]?.signals, ['SIGTERM', 'SIGKILL'])
  t.equal(process.view().phase, 'stopped')
})

void t.test('pause and resume signal a running process and refuse one that is down', async (t) => {
  const { processes, process } = supervised()
  t.equal(process.pause(), false)
  await process.start()
  t.equal(process.pause(), true)
  t.equal(process.view().isPaused, true)
  t.equal(process.resume(), true)
  t.equal(process.view().isPaused, false)
  t.same(processes.children[0]?.signals, ['SIGSTOP', 'SIGCONT'])
})

void t.test('a program that cannot be started is tried again and says why', async (t) => {
  const { clock, processes, process } = supervised()
  processes.cannotSpawn = true
  await process.start()
  t.match(process.view().lastExit, /ENOENT/)
  processes.cannotSpawn = false
  await clock.advance(backoffFirstMs)
  t.equal(process.view().phase, 'running')
})
