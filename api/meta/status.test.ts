import t from 'tap'
import { invalidValue, required } from './field-error.ts'
import * as status from './status.ts'

const pods = { group: '', resource: 'pods' }
const deployments = { group: 'apps', resource: 'deployments' }

void t.test('each error has the code, the reason and the very words that clients compare', (t) => {
  const stale = status.conflict(deployments, 'web')
  const cases: readonly (readonly [status.ApiError, number, string, string])[] = [
    [status.notFound(pods, 'x'), 404, 'NotFound', 'pods "x" not found'],
    [status.notFound(deployments, 'x'), 404, 'NotFound', 'deployments.apps "x" not found'],
    [status.alreadyExists(pods, 'x'), 409, 'AlreadyExists', 'pods "x" already exists'],
    [
      stale,
      409,
      'Conflict',
      'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your changes to the latest version and try again',
    ],
    [status.badRequest('no'), 400, 'BadRequest', 'no'],
    [status.unauthorized(), 401, 'Unauthorized', 'Unauthorized'],
    [status.forbidden(pods, 'x', 'why'), 403, 'Forbidden', 'pods "x" is forbidden: why'],
    [status.forbidden(pods, '', 'why'), 403, 'Forbidden', 'pods is forbidden: why'],
    [
      status.methodNotSupported(pods, 'patch'),
      405,
      'MethodNotAllowed',
      'patch is not supported on resources of kind "pods"',
    ],
    [status.expired('old'), 410, 'Expired', 'old'],
    [status.requestEntityTooLarge(3), 413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3'],
    [status.tooManyRequests(1), 429, 'TooManyRequests', 'Too many requests, please try again later.'],
    [status.internalError('oh'), 500, 'InternalError', 'Internal error occurred: oh'],
    [status.serviceUnavailable('later'), 503, 'ServiceUnavailable', 'later'],
    [status.timeout('slow'), 504, 'Timeout', 'Timeout: slow'],
    [status.pageNotFound(), 404, 'NotFound', 'the server could not find the requested resource'],
  ]
  for (const [error, code, reason, message] of cases) {
    t.same([error.code, error.reason, error.message], [code, reason, message])
    t.match(error.status, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message })
    t.strictSame(status.statusToError(error.status).status, error.status, 'it survives the wire')
  }
  t.strictSame(stale.status.details, { name: 'web', group: 'apps', kind: 'deployments' })
  t.end()
})

void t.test('an invalid object is told of field by field', (t) => {
  const kind = { group: 'apps', resource: 'Deployment' }
  const one = status.invalid(kind, 'web', [required('spec.selector')])
  t.equal(one.message, 'Deployment.apps "web" is invalid: spec.selector: Required value')
  const two = status.invalid(kind, 'web', [
    required('spec.selector'),
    invalidValue('spec.replicas', -1, 'too few'),
  ])
  t.equal(
    two.message,
    'Deployment.apps "web" is invalid: [spec.selector: Required value, spec.replicas: Invalid value: -1: too few]',
  )
  t.strictSame(two.status.details, {
    name: 'web',
    group: 'apps',
    kind: 'Deployment',
    causes: [
      { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.selector' },
      { reason: 'FieldValueInvalid', message: 'Invalid value: -1: too few', field: 'spec.replicas' },
    ],
  })
  t.end()
})

void t.test('errors are told apart by reason, and other errors are none of them', (t) => {
  t.ok(status.isNotFound(status.notFound(pods, 'x')))
  t.ok(status.isConflict(status.conflict(pods, 'x')))
  t.ok(status.isAlreadyExists(status.alreadyExists(pods, 'x')))
  t.notOk(status.isConflict(status.alreadyExists(pods, 'x')))
  t.ok(status.isGone(status.expired('x')))
  t.ok(status.isInvalid(status.invalid(pods, 'x', [])))
  t.ok(status.isNamespaceTerminating(status.namespaceTerminating(pods, 'x', 'ns')))
  t.notOk(status.isNamespaceTerminating(status.forbidden(pods, 'x', 'y')))
  for (const is of [status.isNotFound, status.isConflict, status.isAlreadyExists, status.isGone]) {
    t.notOk(is(new Error('x')))
    t.notOk(is(undefined))
  }
  t.ok(status.isStatus(status.success()))
  t.end()
})
