import t from 'tap'
import { fakeProgram } from './fake-program.ts'

t.test('known commands end as they would', async (t) => {
  t.same(fakeProgram(['true']), { lines: [], endsAfterMs: 0, exitCode: 0 })
  t.same(fakeProgram(['/bin/false']), { lines: [], endsAfterMs: 0, exitCode: 1 })
  t.same(fakeProgram(['sleep', '1.5']), { lines: [], endsAfterMs: 1500, exitCode: 0 })
  t.same(fakeProgram(['sh', '-c', 'echo "hello you"; sleep 2 && exit 3']), {
    lines: ['hello you'],
    endsAfterMs: 2000,
    exitCode: 3,
  })
})

t.test('everything else runs until it is killed', async (t) => {
  t.equal(fakeProgram(['nginx', '-g', 'daemon off']).endsAfterMs, undefined)
  t.equal(fakeProgram([]).endsAfterMs, undefined)
  t.equal(fakeProgram(['sh', '-c', 'sleep infinity']).endsAfterMs, undefined)
})
