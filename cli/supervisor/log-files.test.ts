import t from 'tap'
import { FakeFiles } from '../testing/fakes.ts'
import { lastError, lastLines, logBytesMax, renderLogLine, trimLogs } from './log-files.ts'

const line = (fields: Record<string, unknown>) =>
  JSON.stringify({ level: 'info', time: '2026-01-01T10:20:30.456Z', component: 'm1', pid: 7, ...fields })

void t.test('a log line is shown as time, level, sentence and facts', async (t) => {
  t.equal(renderLogLine(line({ msg: 'became leader', term: 3 })), '10:20:30.456 info  became leader term=3')
  t.equal(renderLogLine('no JSON at all'), 'no JSON at all')
})

void t.test('the last lines of a log are whole lines', async (t) => {
  const files = new FakeFiles()
  files.write('/l', 'one\ntwo\nthree\n')
  t.same(lastLines(files, '/l', 2), ['two', 'three'])
  t.same(lastLines(files, '/missing', 2), [])
})

void t.test('the last error says why a process ended', async (t) => {
  const files = new FakeFiles()
  files.write(
    '/l',
    `${line({ msg: 'starting' })}\n${line({ level: 'error', msg: 'cannot start', found: 'frame 4 is damaged' })}\n`,
  )
  t.equal(lastError(files, '/l'), 'frame 4 is damaged')
})

void t.test('where no error is logged, the last problem says why a process does not serve', async (t) => {
  const files = new FakeFiles()
  files.write(
    '/l',
    `${line({ level: 'warn', msg: 'raft peer not reachable', problem: 'it has forgotten what it promised' })}\n${line({ msg: 'waiting' })}\n`,
  )
  t.equal(lastError(files, '/l'), 'it has forgotten what it promised')
  files.write('/l', `${line({ msg: 'trying again', error: 'the disk of member m2 is full' })}\n`)
  t.equal(lastError(files, '/l'), 'the disk of member m2 is full')
  files.write('/l', `${line({ msg: 'm1 serves' })}\n`)
  t.equal(lastError(files, '/l'), undefined)
})

void t.test('a log that has grown too large gives way to a new one', async (t) => {
  const files = new FakeFiles()
  files.write('/logs/m1.log', 'x'.repeat(logBytesMax + 1))
  files.write('/logs/m2.log', 'short')
  trimLogs(files, '/logs')
  t.same([...files.texts.keys()].sort(), ['/logs/m1.log.1', '/logs/m2.log'])
})
