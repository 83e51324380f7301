import t from 'tap'
import { createNodeDisk } from '../platform/node/disk.ts'
import { runConversation } from './conversation.fixture.ts'

const directory = new URL('./testdata/', import.meta.url).pathname
const disk = createNodeDisk()
const names = disk.list(directory).filter((name) => name.endsWith('.txt'))

t.ok(names.length >= 15, `there are conversations to hold in ${directory}: ${names.length}`)
for (const name of names) {
  void t.test(name.slice(0, -4).replaceAll('-', ' '), (t) => {
    const script = new TextDecoder().decode(disk.readFile(`${directory}${name}`))
    t.equal(runConversation(script), script)
    t.end()
  })
}
