import t from 'tap'
import { formatKubeconfig, KubeconfigError, parseKubeconfig } from './kubeconfig.ts'

const tls = { certificateAuthority: 'CA\n', certificate: 'CERT\n', privateKey: 'KEY\n' }

t.test('what is formatted is parsed again', async (t) => {
  const text = await formatKubeconfig({
    clusterName: 'skedia',
    userName: 'admin',
    server: 'https://127.0.0.1:6443',
    tls,
  })
  t.match(await parseKubeconfig(text), {
    contextName: 'skedia',
    userName: 'admin',
    server: 'https://127.0.0.1:6443',
    namespace: 'default',
    tls,
  })
})

t.test('files and another context are read through what the caller hands in', async (t) => {
  const text = `
contexts:
- {name: one, context: {cluster: c, user: u, namespace: team}}
clusters:
- {name: c, cluster: {server: 'https://s', certificate-authority: /ca.crt}}
users:
- {name: u, user: {tokenFile: /token}}
`
  const readFile = (path: string) => `content of ${path}\n`
  t.match(await parseKubeconfig(text, { context: 'one', readFile }), {
    namespace: 'team',
    tls: { certificateAuthority: 'content of /ca.crt\n' },
    token: 'content of /token',
  })
})

t.test('each problem is named with where it is', async (t) => {
  const problems: readonly (readonly [string, RegExp])[] = [
    ['{', /not YAML/],
    ['a list', /must be a mapping/],
    ['current-context: x', /context "x" is not among contexts/],
    ['{}', /current-context is not set/],
    [
      'current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: s}}]\nusers: [{name: u, user: {exec: {}}}]',
      /user "u" uses exec/,
    ],
    [
      'current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: s, certificate-authority: /f}}]',
      /names the file \/f/,
    ],
  ]
  for (const [text, expected] of problems) {
    await t.rejects(parseKubeconfig(text), expected)
    await t.rejects(parseKubeconfig(text), KubeconfigError)
  }
})
