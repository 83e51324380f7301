import t from 'tap'
import { resolveUser } from './image-user.ts'

const passwd = 'root:x:0:0:root:/root:/bin/sh\nweb:x:101:102::/:/bin/false\n'
const groups = 'root:x:0:\nstaff:x:50:web\nweb:x:102:\n'

function user(text: string, more: { group?: number; supplementalGroups?: readonly number[] } = {}) {
  return resolveUser({
    user: text,
    group: more.group,
    supplementalGroups: more.supplementalGroups ?? [],
    passwd,
    groups,
  })
}

t.test('nobody named is root', async (t) => {
  t.same(user(''), { uid: 0, gid: 0, additionalGids: [0] })
})

t.test('names are looked up in the image, with the groups that they are members of', async (t) => {
  t.same(user('web'), { uid: 101, gid: 102, additionalGids: [50, 102] })
  t.same(user('101'), { uid: 101, gid: 102, additionalGids: [50, 102] })
  t.same(user('web:staff'), { uid: 101, gid: 50, additionalGids: [50] })
})

t.test('numbers need no entry', async (t) => {
  t.same(user('7:8'), { uid: 7, gid: 8, additionalGids: [8] })
  t.same(user('7', { group: 9, supplementalGroups: [3] }), { uid: 7, gid: 9, additionalGids: [3, 9] })
})

t.test('an unknown name says what to do', async (t) => {
  t.throws(() => user('nobody'), /unable to find user nobody.*numeric runAsUser/)
  t.throws(() => user('web:nogroup'), /unable to find group nogroup/)
})
