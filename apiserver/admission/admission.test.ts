import t from 'tap'
import { findKind } from '../../api/catalog.ts'
import { trusted } from '../../api/meta/json.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Node, Pod } from '../../api/types.ts'
import { defined } from '../../platform/assert.ts'
import type { User } from '../authn/user.ts'
import { asObject } from '../storage/parse.ts'
import { certificateSubjectRestriction } from './certificate-subject-restriction.ts'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { problemOf } from './node-restriction.ts'
import { admissionChain, type AdmissionPlugin, type Attributes } from './plugin.ts'
import { usageOf } from './resource-quota.ts'
import { withTokenMounts } from './service-account.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'

const admin: User = { name: 'admin', uid: '', groups: [], extra: {} }

function attributesOf(
  group: string,
  resource: string,
  object: KubeObject | undefined,
  more: Partial<Attributes> = {},
): Attributes {
  return {
    operation: 'CREATE',
    kind: defined(findKind(group, 'v1', resource), resource),
    subresource: '',
    namespace: 'default',
    name: object?.metadata.name ?? '',
    user: admin,
    dryRun: false,
    object,
    oldObject: undefined,
    ...more,
  }
}

function pod(spec: object = {}, metadata: object = {}): KubeObject {
  return asObject({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'p', ...metadata },
    spec: { containers: [{ name: 'c' }], ...spec },
  })
}

void t.test('plugins mutate in order, each seeing what the one before made', async (t) => {
  const label = (name: string): AdmissionPlugin => ({
    name,
    mutate: async (_attributes, object) =>
      asObject({
        ...object,
        metadata: {
          ...object.metadata,
          labels: {
            ...object.metadata.labels,
            [name]: String(Object.keys(object.metadata.labels ?? {}).length),
          },
        },
      }),
  })
  const chain = admissionChain([label('a'), label('b'), { name: 'none' }])
  const object = await chain.mutate(attributesOf('', 'pods', pod()))
  t.same(object?.metadata.labels, { a: '0', b: '1' })
})

void t.test('pods tolerate five minutes of trouble unless they say otherwise', async (t) => {
  const { mutate } = defaultTolerationSeconds()
  const tolerations = async (given: readonly object[]) => {
    const object = pod({ tolerations: given })
    const changed = await mutate?.(attributesOf('', 'pods', object), object)
    return (trusted<Pod | undefined>(changed)?.spec?.tolerations ?? []).length
  }
  t.equal(await tolerations([]), 2)
  t.equal(
    await tolerations([{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }]),
    2,
  )
  t.equal(await tolerations([{ operator: 'Exists' }]), 1)
  t.equal(await tolerations([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]), 3)
})

void t.test('a new node is not ready until somebody has seen it so', async (t) => {
  const { mutate } = taintNodesByCondition()
  const node = asObject({ kind: 'Node', apiVersion: 'v1', metadata: { name: 'n' } })
  const tainted = await mutate?.(attributesOf('', 'nodes', node), node)
  t.same(trusted<Node | undefined>(tainted)?.spec?.taints, [
    { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' },
  ])
  const again = await mutate?.(attributesOf('', 'nodes', tainted), tainted ?? node)
  t.equal(again, tainted)
})

void t.test('the token is mounted where nothing is, and its volume is there only when it is used', (t) => {
  const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
  const spec = withTokenMounts(
    { containers: [{ name: 'a' }], initContainers: [{ name: 'i' }] },
    () => 'abcde',
  )
  t.equal(spec.volumes?.[0]?.name, 'kube-api-access-abcde')
  t.same(spec.initContainers?.[0]?.volumeMounts, [
    { name: 'kube-api-access-abcde', readOnly: true, mountPath },
  ])
  t.equal(
    withTokenMounts(spec, () => 'other'),
    spec,
  )
  const own = { containers: [{ name: 'a', volumeMounts: [{ name: 'mine', mountPath }] }] }
  t.equal(
    withTokenMounts(own, () => 'x'),
    own,
  )
  t.end()
})

void t.test('a kubelet is kept to what is its own', (t) => {
  const node = (name: string, labels: object = {}, spec: object = {}) =>
    asObject({ kind: 'Node', apiVersion: 'v1', metadata: { name, labels }, spec })
  const mine = pod({ nodeName: 'n1' })
  const mirror = pod({ nodeName: 'n1' }, { annotations: { 'kubernetes.io/config.mirror': 'x' } })
  const lease = asObject({ kind: 'Lease', apiVersion: 'coordination.k8s.io/v1', metadata: { name: 'n1' } })
  const leases = 'coordination.k8s.io'
  const rows: readonly (readonly [string, Attributes, boolean])[] = [
    ['own node', attributesOf('', 'nodes', node('n1')), true],
    ['other node', attributesOf('', 'nodes', node('n2')), false],
    [
      'restricted label',
      attributesOf('', 'nodes', node('n1', { 'node-restriction.kubernetes.io/x': 'y' })),
      false,
    ],
    [
      'taints',
      attributesOf('', 'nodes', node('n1'), {
        operation: 'UPDATE',
        oldObject: node('n1', {}, { taints: [{ key: 'a' }] }),
      }),
      false,
    ],
    [
      'itself gone',
      attributesOf('', 'nodes', undefined, { operation: 'DELETE', name: 'n1', oldObject: node('n1') }),
      false,
    ],
    ['a pod', attributesOf('', 'pods', mine), false],
    ['a mirror pod', attributesOf('', 'pods', mirror), true],
    [
      'own pod status',
      attributesOf('', 'pods', mine, { operation: 'UPDATE', subresource: 'status', oldObject: mine }),
      true,
    ],
    [
      'other pod',
      attributesOf('', 'pods', undefined, { operation: 'DELETE', oldObject: pod({ nodeName: 'n2' }) }),
      false,
    ],
    ['own lease', attributesOf(leases, 'leases', lease, { namespace: 'kube-node-lease' }), true],
    ['lease elsewhere', attributesOf(leases, 'leases', lease, { namespace: 'kube-system' }), false],
    ['events', attributesOf('', 'events', asObject({ metadata: { name: 'e' } })), true],
  ]
  for (const [name, attributes, isAllowed] of rows)
    t.equal(problemOf('n1', attributes) === undefined, isAllowed, name)
  t.end()
})

void t.test('nobody asks for a certificate of the masters', async (t) => {
  const { validate } = certificateSubjectRestriction()
  const request = (organization: string, signerName: string) => {
    const der = Buffer.from(`\x30\x10${organization}`, 'latin1').toString('base64')
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${der}\n-----END CERTIFICATE REQUEST-----\n`
    return asObject({
      metadata: { name: 'r' },
      spec: { signerName, request: Buffer.from(pem).toString('base64') },
    })
  }
  const ask = async (organization: string, signer: string) =>
    await validate?.(
      attributesOf('certificates.k8s.io', 'certificatesigningrequests', request(organization, signer)),
    )
  await t.rejects(ask('system:masters', 'kubernetes.io/kube-apiserver-client'), { code: 403 })
  await t.resolves(ask('devs', 'kubernetes.io/kube-apiserver-client'))
  await t.resolves(ask('system:masters', 'example.com/own'))
})

void t.test('what a pod uses of a quota is its requests, its limits and itself', (t) => {
  const object = pod({
    containers: [{ name: 'c', resources: { requests: { cpu: '100m' }, limits: { memory: '1Gi' } } }],
  })
  const usage = usageOf(attributesOf('', 'pods', object), object)
  for (const name of ['pods', 'count/pods', 'cpu', 'requests.cpu', 'limits.memory'])
    t.ok(usage.has(name), name)
  const deployments = usageOf(attributesOf('apps', 'deployments', undefined), pod())
  t.same([...deployments.keys()], ['count/deployments.apps'])
  t.end()
})
