import t from 'tap'
import { credentialsIn, pullDecision, pullPolicyOf } from './image-puller.ts'
import { containerOf } from './testing/pod-fixtures.ts'

t.test('the policy decides between using, pulling and refusing', async (t) => {
  t.equal(pullDecision('IfNotPresent', 'docker.io', true), 'use')
  t.equal(pullDecision('IfNotPresent', 'docker.io', false), 'pull')
  t.equal(pullDecision('Always', 'docker.io', true), 'pull')
  t.equal(pullDecision('Never', 'docker.io', true), 'use')
  t.equal(pullDecision('Never', 'docker.io', false), 'refuse')
})

t.test('what was loaded by hand is never looked for elsewhere', async (t) => {
  t.equal(pullDecision('Always', 'skedia.local', true), 'use')
})

t.test('without a policy :latest is pulled always and a tag once', async (t) => {
  t.equal(pullPolicyOf(containerOf('c', { image: 'nginx' })), 'Always')
  t.equal(pullPolicyOf(containerOf('c', { image: 'nginx:1' })), 'IfNotPresent')
  t.equal(pullPolicyOf(containerOf('c', { image: 'nginx', imagePullPolicy: 'Never' })), 'Never')
})

t.test('a login is found by its registry, in both spellings', async (t) => {
  const config = btoa(
    JSON.stringify({
      auths: {
        'https://index.docker.io/v1/': { auth: btoa('me:secret') },
        'ghcr.io': { username: 'you', password: 'hidden' },
      },
    }),
  )
  t.same(credentialsIn(config, 'docker.io'), { username: 'me', password: 'secret' })
  t.same(credentialsIn(config, 'ghcr.io'), { username: 'you', password: 'hidden' })
  t.equal(credentialsIn(config, 'quay.io'), undefined)
})
