import t from 'tap'
import { ImageError } from './image-service.ts'
import { formatReference, parseReference } from './reference.ts'

t.test('short names are completed as everywhere', async (t) => {
  const digest = `sha256:${'a'.repeat(64)}`
  const full: Readonly<Record<string, string>> = {
    nginx: 'docker.io/library/nginx:latest',
    'nginx:1.27': 'docker.io/library/nginx:1.27',
    'grafana/grafana': 'docker.io/grafana/grafana:latest',
    'index.docker.io/library/nginx': 'docker.io/library/nginx:latest',
    'skedia.local/web:1': 'skedia.local/web:1',
    'localhost:5000/a/b:c': 'localhost:5000/a/b:c',
    'localhost/a': 'localhost/a:latest',
    [`ghcr.io/x/y@${digest}`]: `ghcr.io/x/y@${digest}`,
    [`ghcr.io/x/y:1@${digest}`]: `ghcr.io/x/y@${digest}`,
  }
  for (const [short, long] of Object.entries(full)) t.equal(formatReference(parseReference(short)), long)
})

t.test('names that are none are refused', async (t) => {
  for (const name of ['', 'Nginx', 'a//b', 'a:', 'a:b:c', 'a@sha256:1', '-a', 'a/../b', 'http://a']) {
    t.throws(() => parseReference(name), ImageError, name)
  }
  t.throws(() => parseReference('Nginx'), ImageError)
})
