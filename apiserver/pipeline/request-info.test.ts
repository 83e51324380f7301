import t from 'tap'
import { bearerToken } from '../authn/authenticator.ts'
import { FlowControl, isLongRunning } from './flow-control.ts'
import { negotiate } from './negotiation.ts'
import { parseRequestInfo } from './request-info.ts'

void t.test('a request is read from its method and path', (t) => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['GET', '/api/v1/pods', 'list //v1/pods'],
    ['GET', '/api/v1/pods?watch=true', 'watch //v1/pods'],
    ['GET', '/api/v1/pods?watch', 'watch //v1/pods'],
    ['GET', '/api/v1/pods?watch=false', 'list //v1/pods'],
    ['GET', '/api/v1/namespaces/x/pods/a', 'get x//v1/pods/a'],
    ['GET', '/api/v1/namespaces/x/pods/a/log', 'get x//v1/pods/a/log'],
    ['POST', '/api/v1/namespaces/x/pods/a/exec', 'create x//v1/pods/a/exec'],
    ['GET', '/api/v1/namespaces/x', 'get x//v1/namespaces/x'],
    ['PUT', '/api/v1/namespaces/x/finalize', 'update x//v1/namespaces/x/finalize'],
    ['GET', '/api/v1/namespaces', 'list //v1/namespaces'],
    ['DELETE', '/apis/apps/v1/namespaces/x/deployments', 'deletecollection x/apps/v1/deployments'],
    ['PATCH', '/apis/apps/v1/namespaces/x/deployments/a/scale', 'patch x/apps/v1/deployments/a/scale'],
    ['GET', '/api/v1/nodes/n1/proxy/a/b', 'get //v1/nodes/n1/proxy'],
    ['GET', '/apis/apps/v1', 'get /apis/apps/v1'],
    ['GET', '/api/v1', 'get /api/v1'],
    ['GET', '/healthz', 'get /healthz'],
    ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Da', 'list //v1/pods/a'],
  ]
  for (const [method, url, expected] of rows) {
    const info = parseRequestInfo(method, url)
    const tail = [info.resource, info.name, info.subresource].filter((part) => part !== '').join('/')
    const text = info.isResource
      ? `${info.verb} ${info.namespace}/${info.group}/${info.version}/${tail}`
      : `${info.verb} ${info.path}`
    t.equal(text, expected, `${method} ${url}`)
  }
  t.same(parseRequestInfo('GET', '/api/v1/nodes/n1/proxy/a/b').rest, ['a', 'b'])
  t.throws(() => parseRequestInfo('GET', '/api/v1/%zz/a'))
  t.end()
})

void t.test('the first acceptable representation wins', (t) => {
  const rows: readonly (readonly [string | undefined, string])[] = [
    [undefined, 'application/json none'],
    ['*/*', 'application/json none'],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'application/json Table'],
    ['application/json;as=Table;v=v9;g=meta.k8s.io,application/json', 'application/json none'],
    ['application/vnd.kubernetes.protobuf, */*', 'application/vnd.kubernetes.protobuf none'],
    ['application/yaml;q=0.5, application/json;q=0.9', 'application/json none'],
  ]
  for (const [accept, expected] of rows) {
    const found = negotiate(accept, { transforms: true })
    t.equal(`${found.mediaType} ${found.as}`, expected, String(accept))
  }
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io'
  t.throws(() => negotiate(table, { transforms: false }), { code: 406 })
  t.throws(() => negotiate('text/html', { transforms: true }), { code: 406 })
  t.end()
})

void t.test('so many reads and so many writes at once, watches and administrators aside', (t) => {
  const flow = new FlowControl({ readsMax: 1, writesMax: 1 })
  const jane = { name: 'jane', uid: '', groups: [], extra: {} }
  const read = parseRequestInfo('GET', '/api/v1/pods')
  const write = parseRequestInfo('POST', '/api/v1/namespaces/x/pods')
  const watch = parseRequestInfo('GET', '/api/v1/pods?watch=1')
  const release = flow.enter(read, jane)
  t.ok(release)
  t.equal(flow.enter(read, jane), undefined)
  t.ok(flow.enter(write, jane))
  t.equal(flow.enter(write, jane), undefined)
  t.ok(flow.enter(watch, jane))
  t.ok(flow.enter(read, { ...jane, groups: ['system:masters'] }))
  release?.()
  t.ok(flow.enter(read, jane))
  t.ok(isLongRunning(parseRequestInfo('GET', '/api/v1/namespaces/x/pods/a/log?follow=true')))
  t.notOk(isLongRunning(read))
  t.end()
})

void t.test('a bearer token is one word after the scheme', (t) => {
  t.equal(bearerToken('Bearer abc'), 'abc')
  t.equal(bearerToken('bearer  abc '), 'abc')
  for (const header of [undefined, '', 'Basic abc', 'Bearer', 'Bearer a b'])
    t.equal(bearerToken(header), undefined)
  t.end()
})
