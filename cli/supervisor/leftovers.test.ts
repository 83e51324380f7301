import t from 'tap'
import { FakeClock, FakeFiles, FakeProcesses } from '../testing/fakes.ts'
import { endLeftovers, rememberChildren } from './leftovers.ts'

const path = '/c/run/processes.json'

void t.test('what an earlier supervisor left running is ended, and named', async (t) => {
  const powers = { clock: new FakeClock(), files: new FakeFiles(), processes: new FakeProcesses() }
  powers.processes.alive.set(11, 5).set(12, 6)
  rememberChildren(powers, path, [
    { name: 'm1', pid: 11 },
    { name: 'm2', pid: 12 },
    { name: 'm3', pid: 13 },
  ])
  t.same(await endLeftovers(powers, path), ['m1', 'm2'])
  t.equal(powers.processes.alive.size, 0)
})

void t.test('a process that only took over the number is left alone', async (t) => {
  const powers = { clock: new FakeClock(), files: new FakeFiles(), processes: new FakeProcesses() }
  powers.processes.alive.set(11, 5)
  rememberChildren(powers, path, [{ name: 'm1', pid: 11 }])
  powers.processes.alive.set(11, 99)
  t.same(await endLeftovers(powers, path), [])
  t.equal(powers.processes.alive.has(11), true)
})

void t.test('a torn file counts as none', async (t) => {
  const powers = { clock: new FakeClock(), files: new FakeFiles(), processes: new FakeProcesses() }
  powers.files.write(path, '[{"name":"m1","pi')
  t.same(await endLeftovers(powers, path), [])
})
