/** What every `Network` body must do; run by the tests of each body. */
import t from 'tap'
import type { Address, ByteSource, HttpHandler, Network, TlsIdentity } from './network.ts'
import { NetworkError } from './network.ts'

export interface NetworkUnderTest {
  readonly server: Network
  readonly client: Network
  readonly host: string
  readonly identity: TlsIdentity
  /** Of another authority. */
  readonly stranger: TlsIdentity
  /** Lets the world go on until `promise` settles. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const frameBytesMax = 1 << 20
const timeoutMs = 1000
const connectTimeoutMs = 1000

async function readAll(source: ByteSource): Promise<string> {
  let text = ''
  for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read())
    text += decode(chunk)
  return text
}

function sourceOf(chunks: readonly string[], onCancel: () => void = () => {}): ByteSource {
  const left = [...chunks]
  return {
    read: () => {
      const next = left.shift()
      return Promise.resolve(next === undefined ? undefined : encode(next))
    },
    cancel: onCancel,
  }
}

async function failure(promise: Promise<unknown>): Promise<NetworkError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof NetworkError) return error
    throw error
  }
  throw new Error('it succeeded')
}

const any = (host: string): Address => ({ host, port: 0 })

function frames(name: string, create: () => Promise<NetworkUnderTest>): void {
  t.test(`${name}: frames arrive whole and in order, and each side knows the other`, async (t) => {
    const { server, client, host, identity, settle } = await create()
    const peers: unknown[] = []
    const listener = await server.listenFrames({
      address: any(host),
      tls: identity,
      frameBytesMax,
      onConnection: (connection) => {
        peers.push(connection.peer)
        connection.onFrame = (frame) => connection.send(frame)
      },
    })
    const connection = await settle(
      client.dialFrames({ address: listener.address, tls: identity, frameBytesMax, timeoutMs }),
    )
    t.same(connection.peer?.commonName, 'someone')
    const received: string[] = []
    const all = new Promise<void>((resolve) => {
      connection.onFrame = (frame) => {
        received.push(decode(frame))
        if (received.length === 50) resolve()
      }
    })
    const sent = Array.from({ length: 50 }, (_, index) => `frame ${index}`)
    for (const frame of sent) connection.send(encode(frame))
    await settle(all)
    t.same(received, sent)
    t.same(peers, [{ commonName: 'someone', organizations: ['people'] }])
    connection.close()
    await settle(listener.close())
  })

  t.test(`${name}: the other side hears once that a frame connection was closed`, async (t) => {
    const { server, client, host, identity, settle } = await create()
    const closed = withResolvers<string>()
    const listener = await server.listenFrames({
      address: any(host),
      tls: identity,
      frameBytesMax,
      onConnection: (connection) => {
        connection.onClose = closed.resolve
      },
    })
    const connection = await settle(
      client.dialFrames({ address: listener.address, tls: identity, frameBytesMax, timeoutMs }),
    )
    connection.onClose = () => t.fail('an own close is not told to oneself')
    connection.close()
    t.type(await settle(closed.promise), 'string')
    await settle(listener.close())
  })

  t.test(`${name}: nobody listening and strangers are refused`, async (t) => {
    const { server, client, host, identity, stranger, settle } = await create()
    const listener = await server.listenFrames({
      address: any(host),
      tls: identity,
      frameBytesMax,
      onConnection: () => {},
    })
    const refused = await settle(
      failure(client.dialFrames({ address: { host, port: 9 }, tls: identity, frameBytesMax, timeoutMs })),
    )
    t.equal(refused.code, 'ECONNREFUSED')
    t.notOk(refused.maybeDelivered)
    await settle(
      failure(client.dialFrames({ address: listener.address, tls: stranger, frameBytesMax, timeoutMs })),
    )
    const taken = await settle(
      failure(
        server.listenFrames({
          address: listener.address,
          tls: identity,
          frameBytesMax,
          onConnection: () => {},
        }),
      ),
    )
    t.equal(taken.code, 'EADDRINUSE')
    await settle(listener.close())
  })
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

function http(name: string, create: () => Promise<NetworkUnderTest>): void {
  const serve = async (under: NetworkUnderTest, handler: HttpHandler) => {
    const listener = await under.server.listenHttp({ address: any(under.host), tls: under.identity, handler })
    const client = under.client.httpClient({ tls: under.identity, connectTimeoutMs })
    const url = `https://${under.host}:${listener.address.port}`
    const close = async () => {
      client.close()
      await under.settle(listener.close())
    }
    return { client, url, close }
  }

  t.test(`${name}: a request carries method, path, headers, body and the client's identity`, async (t) => {
    const under = await create()
    const { client, url, close } = await serve(under, {
      request: async (request) => ({
        status: 201,
        headers: { 'content-type': 'text/plain' },
        body: `${request.method} ${request.url} ${request.headers['x-test']} ${request.peer?.commonName} ${await readAll(request.body)}`,
      }),
    })
    const response = await under.settle(
      client.request({ method: 'POST', url: `${url}/a?b=c`, headers: { 'X-Test': 'yes' }, body: 'hello' }),
    )
    t.equal(response.status, 201)
    t.equal(response.headers['content-type'], 'text/plain')
    t.equal(await under.settle(readAll(response.body)), 'POST /a?b=c yes someone hello')
    await close()
  })

  t.test(`${name}: a client without a certificate is served, and known as nobody`, async (t) => {
    const under = await create()
    const { url, close } = await serve(under, {
      request: (request) => Promise.resolve({ status: 200, headers: {}, body: String(request.peer) }),
    })
    const anonymous = under.client.httpClient({
      tls: { certificateAuthority: under.identity.certificateAuthority },
      connectTimeoutMs,
    })
    const response = await under.settle(anonymous.request({ method: 'GET', url }))
    t.equal(await under.settle(readAll(response.body)), 'undefined')
    anonymous.close()
    await close()
  })

  t.test(`${name}: a streamed body arrives whole and its source is cancelled at the end`, async (t) => {
    const under = await create()
    let cancels = 0
    const chunks = Array.from({ length: 100 }, (_, index) => `chunk ${index};`)
    const { client, url, close } = await serve(under, {
      request: () =>
        Promise.resolve({ status: 200, headers: {}, body: sourceOf(chunks, () => (cancels += 1)) }),
    })
    const response = await under.settle(client.request({ method: 'GET', url }))
    t.equal(await under.settle(readAll(response.body)), chunks.join(''))
    t.ok(cancels >= 1)
    await close()
  })

  t.test(`${name}: a client that goes away ends the handler's stream and signal`, async (t) => {
    const under = await create()
    const gone = withResolvers<void>()
    const cancelled = withResolvers<void>()
    const { client, url, close } = await serve(under, {
      request: (request) => {
        request.signal.addEventListener('abort', () => gone.resolve())
        let isFirst = true
        const body: ByteSource = {
          read: () => {
            if (!isFirst) return new Promise(() => {})
            isFirst = false
            return Promise.resolve(encode('first'))
          },
          cancel: () => cancelled.resolve(),
        }
        return Promise.resolve({ status: 200, headers: {}, body })
      },
    })
    const response = await under.settle(client.request({ method: 'GET', url }))
    t.equal(decode((await under.settle(response.body.read())) ?? new Uint8Array()), 'first')
    response.body.cancel()
    await under.settle(Promise.all([gone.promise, cancelled.promise]))
    await close()
  })

  t.test(
    `${name}: an aborted request rejects with the signal's reason, a refused one says that nothing was delivered`,
    async (t) => {
      const under = await create()
      const controller = new AbortController()
      const { client, url, close } = await serve(under, {
        request: () => {
          controller.abort(new Error('changed my mind'))
          return new Promise(() => {})
        },
      })
      await t.rejects(under.settle(client.request({ method: 'GET', url, signal: controller.signal })), {
        message: 'changed my mind',
      })
      const refused = await under.settle(
        failure(client.request({ method: 'GET', url: `https://${under.host}:9/` })),
      )
      t.notOk(refused.maybeDelivered)
      await close()
    },
  )

  t.test(
    `${name}: an upgraded connection carries bytes both ways, a refused upgrade a plain answer`,
    async (t) => {
      const under = await create()
      const { client, url, close } = await serve(under, {
        request: () => Promise.resolve({ status: 200, headers: {} }),
        upgrade: (request) => {
          if (request.url === '/no') return Promise.resolve({ status: 403, headers: {}, body: 'no' })
          return Promise.resolve({
            status: 101 as const,
            headers: { connection: 'Upgrade', upgrade: 'echo' },
            serve: async (connection) => {
              for (let chunk = await connection.read(); chunk !== undefined; chunk = await connection.read())
                await connection.write(chunk)
              connection.end()
            },
          })
        },
      })
      const headers = { connection: 'Upgrade', upgrade: 'echo' }
      const answer = await under.settle(client.upgrade({ method: 'GET', url: `${url}/yes`, headers }))
      if (!('connection' in answer)) throw new Error(`not upgraded: ${answer.status}`)
      await under.settle(answer.connection.write(encode('ping')))
      t.equal(decode((await under.settle(answer.connection.read())) ?? new Uint8Array()), 'ping')
      answer.connection.end()
      t.equal(await under.settle(answer.connection.read()), undefined)
      const refused = await under.settle(client.upgrade({ method: 'GET', url: `${url}/no`, headers }))
      t.equal(refused.status, 403)
      await close()
    },
  )
}

function pipes(name: string, create: () => Promise<NetworkUnderTest>): void {
  t.test(`${name}: a byte pipe carries both directions and ends each by itself`, async (t) => {
    const { server, client, host, settle } = await create()
    const listener = await server.listenBytes({
      address: any(host),
      onConnection: (connection) => {
        void (async () => {
          const text = await readAll(connection)
          await connection.write(encode(`got ${text}`))
          connection.end()
        })()
      },
    })
    const connection = await settle(client.dialBytes({ address: listener.address, timeoutMs }))
    await settle(connection.write(encode('one ')))
    await settle(connection.write(encode('two')))
    connection.end()
    t.equal(await settle(readAll(connection)), 'got one two')
    await settle(listener.close())
  })
}

export function networkConformance(name: string, create: () => Promise<NetworkUnderTest>): void {
  frames(name, create)
  http(name, create)
  pipes(name, create)
}
