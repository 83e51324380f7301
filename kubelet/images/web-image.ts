/**
 * The first images, `skedia.local/web:1` and `:2`: busybox' httpd on port 8080 that answers with its pod's
 * name and its version. Made on the machine from its own static busybox, so the first ten minutes need no
 * network. The two share their one layer.
 */
import type { ImageDescription, RootfsEntry } from './image-build.ts'

/** Names of the images that set-up makes. */
export const webImageNames = ['skedia.local/web:1', 'skedia.local/web:2'] as const

const applets = [
  'sh',
  'ash',
  'awk',
  'cat',
  'chmod',
  'cp',
  'cut',
  'date',
  'dd',
  'df',
  'dmesg',
  'du',
  'echo',
  'env',
  'expr',
  'false',
  'find',
  'free',
  'grep',
  'head',
  'hostname',
  'httpd',
  'id',
  'ifconfig',
  'ip',
  'kill',
  'ln',
  'ls',
  'mkdir',
  'mount',
  'mv',
  'nc',
  'netstat',
  'nslookup',
  'ping',
  'printenv',
  'printf',
  'ps',
  'pwd',
  'rm',
  'route',
  'sed',
  'seq',
  'sleep',
  'sort',
  'stat',
  'stty',
  'tail',
  'tar',
  'tee',
  'test',
  'time',
  'timeout',
  'top',
  'touch',
  'tr',
  'true',
  'uname',
  'uniq',
  'uptime',
  'vi',
  'wc',
  'wget',
  'which',
  'whoami',
  'xargs',
  'yes',
] as const

/** As process 1 a shell that passes the end on: httpd alone would not hear SIGTERM there. */
const program = `#!/bin/sh
page() { echo "web version $VERSION on pod \${POD_NAME:-$HOSTNAME}"; }
root=/www
if ! page > $root/index.html 2>/dev/null; then root=/srv; fi
echo "web version $VERSION listening on port $PORT as \${POD_NAME:-$HOSTNAME}"
httpd -f -vv -p "$PORT" -h $root &
trap 'echo "web version $VERSION ends"; kill $!; exit 0' TERM INT
wait $!
`

/** For a read-only root: the page is made for each request. */
const fallbackPage = `#!/bin/sh
printf 'Content-Type: text/html\\r\\n\\r\\n'
echo "web version $VERSION on pod \${POD_NAME:-$HOSTNAME}"
`

/** What the two images are made of. `busybox`: a static binary. */
export function webImages(busybox: Uint8Array, architecture: string): readonly ImageDescription[] {
  const entries: readonly RootfsEntry[] = [
    ...['bin', 'dev', 'etc', 'proc', 'root', 'srv', 'srv/cgi-bin', 'sys', 'usr', 'var', 'www'].map(
      (path) => ({ type: 'directory', path, mode: path === 'www' ? 0o777 : 0o755 }) as const,
    ),
    { type: 'directory', path: 'tmp', mode: 0o1777 },
    { type: 'file', path: 'bin/busybox', content: busybox, mode: 0o755 },
    ...applets.map((name) => ({ type: 'symlink', path: `bin/${name}`, target: 'busybox' }) as const),
    { type: 'symlink', path: 'usr/bin', target: '../bin' },
    { type: 'file', path: 'bin/web', content: program, mode: 0o755 },
    { type: 'file', path: 'srv/cgi-bin/index.cgi', content: fallbackPage, mode: 0o755 },
    {
      type: 'file',
      path: 'etc/passwd',
      content: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
      mode: 0o644,
    },
    { type: 'file', path: 'etc/group', content: 'root:x:0:\nnogroup:x:65534:\n', mode: 0o644 },
  ]
  return webImageNames.map((name, index) => ({
    name,
    architecture,
    entries,
    config: {
      Entrypoint: ['/bin/web'],
      Env: ['PATH=/bin:/usr/bin', `VERSION=${index + 1}`, 'PORT=8080'],
      ExposedPorts: { '8080/tcp': {} },
      WorkingDir: '/',
    },
  }))
}
