import t from 'tap'
import { formatKubeconfig, KubeconfigError, parseKubeconfig } from './kubeconfig.ts'

const tls = { certificateAuthority: 'CA\n', certificate: 'CERT\n', privateKey: 'KEY\n' }

t.test('what is formatted is parsed again', (t) => {
  const text = formatKubeconfig({
    clusterName: 'skedia',
    userName: 'admin',
    server: 'https://127.0.0.1:6443',
    tls,
  })
  t.match(parseKubeconfig(text), {
    contextName: 'skedia',
    userName: 'admin',
    server: 'https://127.0.0.1:6443',
    namespace: 'default',
    tls,
  })
  t.end()
})

t.test('files and another context are read through what the caller hands in', (t) => {
  const text = `
contexts:
- {name: one, context: {cluster: c, user: u, namespace: team}}
clusters:
- {name: c, cluster: {server: 'https://s', certificate-authority: /ca.crt}}
users:
- {name: u, user: {tokenFile: /token}}
`
  const readFile = (path: string) => `content of ${path}\n`
  t.match(parseKubeconfig(text, { context: 'one', readFile }), {
    namespace: 'team',
    tls: { certificateAuthority: 'content of /ca.crt\n' },
    token: 'content of /token',
  })
  t.end()
})

t.test('each problem is named with where it is', (t) => {
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
    t.throws(() => parseKubeconfig(text), expected)
    t.throws(() => parseKubeconfig(text), KubeconfigError)
  }
  t.end()
})
