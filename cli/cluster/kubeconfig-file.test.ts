import t from 'tap'
import { parseKubeconfig } from '../../client/kubeconfig.ts'
import { kubeconfigText, type KubeconfigWish } from './kubeconfig-file.ts'

const wish: KubeconfigWish = {
  name: 'skedia-blue',
  server: 'https://127.0.0.1:6443',
  credentials: { type: 'embedded', ca: 'CA\n', certificate: 'CERT\n', key: 'KEY\n' },
}

void t.test('both forms are read back as the same identity', async (t) => {
  for (const form of ['yaml', 'json'] as const) {
    t.match(
      await parseKubeconfig(kubeconfigText(wish, form)),
      {
        contextName: 'skedia-blue',
        server: 'https://127.0.0.1:6443',
        tls: { certificateAuthority: 'CA\n', certificate: 'CERT\n', privateKey: 'KEY\n' },
      },
      form,
    )
  }
})

void t.test('paths with blanks and colons survive', async (t) => {
  const path = '/home/ada lovelace/a: b/ca.crt'
  const credentials = { type: 'files' as const, ca: path, certificate: path, key: path }
  const readFile = (asked: string) => `content of ${asked}`
  for (const form of ['yaml', 'json'] as const) {
    const context = await parseKubeconfig(kubeconfigText({ ...wish, credentials }, form), { readFile })
    t.equal(context.tls.certificateAuthority, `content of ${path}`, form)
  }
})
