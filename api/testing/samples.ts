/**
 * The smallest valid object of every kind, for suites that run over the whole catalogue. What a kind does not
 * demand is left out; kinds that demand nothing need no line.
 */
import type { Kind, KubeObject } from '../kind.ts'
import { apiVersionOf } from '../meta/owner.ts'

type Body = { readonly [field: string]: unknown }

const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'skedia.local/web:1' }] },
}
const workload = { spec: { selector: { matchLabels: { app: 'web' } }, template } }
const onceTemplate = { spec: { ...template.spec, restartPolicy: 'Never' } }
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
const autoscaler = {
  spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' } },
}
const roleRef = { kind: 'ClusterRole', name: 'view', apiGroup: 'rbac.authorization.k8s.io' }
const webhook = {
  name: 'a.b.c',
  clientConfig: { url: 'https://example.com' },
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
}
const rule = { operations: ['CREATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] }

const bodies: Readonly<Record<string, Body>> = {
  '/pods': { spec: template.spec },
  '/podtemplates': { template },
  '/replicationcontrollers': { spec: { selector: { app: 'web' }, template } },
  '/services': { spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } },
  '/persistentvolumes': {
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } },
  },
  '/persistentvolumeclaims': { spec: claim },
  '/events': { involvedObject: { kind: 'Pod', namespace: 'default', name: 'web' } },
  '/bindings': { target: { kind: 'Node', name: 'n1' } },
  'apps/deployments': workload,
  'apps/replicasets': workload,
  'apps/statefulsets': workload,
  'apps/daemonsets': workload,
  'apps/controllerrevisions': { data: { spec: {} }, revision: 1 },
  'batch/jobs': { spec: { template: onceTemplate } },
  'batch/cronjobs': { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: onceTemplate } } } },
  'autoscaling/horizontalpodautoscalers': autoscaler,
  'discovery.k8s.io/endpointslices': { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }] },
  'events.k8s.io/events': {
    eventTime: '2026-01-02T03:04:05.000006Z',
    reportingController: 'kubelet',
    reportingInstance: 'n1',
    action: 'Started',
    reason: 'Started',
    type: 'Normal',
  },
  'networking.k8s.io/ingresses': {
    spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
  },
  'networking.k8s.io/ingressclasses': { spec: { controller: 'example.com/ingress' } },
  'networking.k8s.io/ipaddresses': {
    spec: { parentRef: { resource: 'services', name: 'web', namespace: 'default' } },
  },
  'networking.k8s.io/servicecidrs': { spec: { cidrs: ['10.96.0.0/16'] } },
  'rbac.authorization.k8s.io/rolebindings': { roleRef },
  'rbac.authorization.k8s.io/clusterrolebindings': { roleRef },
  'certificates.k8s.io/certificatesigningrequests': {
    spec: { request: 'eA==', signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] },
  },
  'node.k8s.io/runtimeclasses': { handler: 'runc' },
  'storage.k8s.io/storageclasses': { provisioner: 'example.com/disk' },
  'storage.k8s.io/csistoragecapacities': { storageClassName: 'fast' },
  'storage.k8s.io/volumeattachments': {
    spec: { attacher: 'example.com', nodeName: 'n1', source: { persistentVolumeName: 'pv1' } },
  },
  'flowcontrol.apiserver.k8s.io/flowschemas': { spec: { priorityLevelConfiguration: { name: 'exempt' } } },
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations': {
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } },
  },
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': { webhooks: [webhook] },
  'admissionregistration.k8s.io/validatingwebhookconfigurations': { webhooks: [webhook] },
  'admissionregistration.k8s.io/validatingadmissionpolicies': {
    spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }] },
  },
  'admissionregistration.k8s.io/validatingadmissionpolicybindings': {
    spec: { policyName: 'p', validationActions: ['Deny'] },
  },
  'apiextensions.k8s.io/customresourcedefinitions': {
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec: { type: 'object', additionalProperties: true } },
            },
          },
        },
      ],
    },
  },
  'apiregistration.k8s.io/apiservices': {
    spec: { group: 'example.com', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 15 },
  },
}

const names: Readonly<Record<string, string>> = {
  ipaddresses: '10.96.0.10',
  customresourcedefinitions: 'widgets.example.com',
  apiservices: 'v1.example.com',
}

/** The smallest object of a kind that a client could create, with the uid that the server would give. */
export function sampleOf(kind: Kind): KubeObject {
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: {
      name: names[kind.resource] ?? 'web',
      ...(kind.namespaced ? { namespace: 'default' } : {}),
      uid: '5f0c3c5e-0000-4000-8000-000000000001',
    },
    ...bodies[`${kind.group}/${kind.resource}`],
  }
}
