/**
 * `system:controller:<name>`: what each controller may do with its own ServiceAccount. As data.
 * Source: k8s.io/kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go.
 */
import type { PolicyRule } from '../../api/types.ts'
import { rule } from './rules.ts'

const events = rule('create patch update', 'core events', 'events')
const readPods = rule('get list watch', 'core', 'pods')

/** Controller → rules. */
export const controllerRules: Readonly<Record<string, readonly PolicyRule[]>> = {
  'attachdetach-controller': [
    rule('list watch', 'core', 'persistentvolumeclaims persistentvolumes'),
    rule('get list watch', 'core', 'nodes'),
    rule('patch update', 'core', 'nodes/status'),
    rule('list watch', 'core', 'pods'),
    events,
    rule('create delete get list watch', 'storage', 'volumeattachments'),
    rule('get list watch', 'storage', 'csidrivers csinodes'),
  ],
  'certificate-controller': [
    rule('delete get list watch', 'certificates', 'certificatesigningrequests'),
    rule('update', 'certificates', 'certificatesigningrequests/approval certificatesigningrequests/status'),
    rule('approve', 'certificates', 'signers', 'kubernetes.io/kube-apiserver-client-kubelet'),
    rule(
      'sign',
      'certificates',
      'signers',
      'kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown',
    ),
    rule('create', 'authz', 'subjectaccessreviews'),
    events,
  ],
  'clusterrole-aggregation-controller': [
    rule('escalate get list patch update watch', 'rbac', 'clusterroles'),
  ],
  'cronjob-controller': [
    rule('get list update watch', 'batch', 'cronjobs'),
    rule('create delete get list patch update watch', 'batch', 'jobs'),
    rule('update', 'batch', 'cronjobs/status cronjobs/finalizers'),
    rule('delete list', 'core', 'pods'),
    events,
  ],
  'daemon-set-controller': [
    rule('get list watch', 'apps', 'daemonsets'),
    rule('update', 'apps', 'daemonsets/finalizers daemonsets/status'),
    rule('list watch', 'core', 'nodes'),
    rule('create delete list patch watch', 'core', 'pods'),
    rule('create', 'core', 'pods/binding'),
    rule('create delete get list patch update watch', 'apps', 'controllerrevisions'),
    events,
  ],
  'deployment-controller': [
    rule('get list update watch', 'apps', 'deployments'),
    rule('update', 'apps', 'deployments/finalizers deployments/status'),
    rule('create delete get list patch update watch', 'apps', 'replicasets'),
    rule('get list update watch', 'core', 'pods'),
    events,
  ],
  'disruption-controller': [
    rule('get list watch', 'apps', 'deployments replicasets statefulsets'),
    rule('get list watch', 'core', 'replicationcontrollers pods'),
    rule('get list watch', 'policy', 'poddisruptionbudgets'),
    rule('update', 'policy', 'poddisruptionbudgets/status'),
    rule('patch update', 'core', 'pods/status'),
    rule('get', '*', '*/scale'),
    events,
  ],
  'endpoint-controller': [
    rule('get list watch', 'core', 'pods services'),
    rule('create delete get list update', 'core', 'endpoints'),
    rule('create', 'core', 'endpoints/restricted'),
    events,
  ],
  'endpointslice-controller': [
    rule('get list watch', 'core', 'nodes pods services'),
    rule('update', 'core', 'services/finalizers'),
    rule('create delete get list update', 'discovery', 'endpointslices'),
    rule('create', 'discovery', 'endpointslices/restricted'),
    events,
  ],
  'endpointslicemirroring-controller': [
    rule('get list watch', 'core', 'endpoints services'),
    rule('update', 'core', 'endpoints/finalizers services/finalizers'),
    rule('create delete get list update', 'discovery', 'endpointslices'),
    rule('create', 'discovery', 'endpointslices/restricted'),
    events,
  ],
  'expand-controller': [
    rule('get list patch update watch', 'core', 'persistentvolumes'),
    rule('patch update', 'core', 'persistentvolumeclaims/status'),
    rule('get list watch', 'core', 'persistentvolumeclaims'),
    rule('get list watch', 'storage', 'storageclasses'),
    events,
  ],
  'ephemeral-volume-controller': [
    rule('get list watch', 'core', 'pods'),
    rule('create get list watch', 'core', 'persistentvolumeclaims'),
    rule('update', 'core', 'pods/finalizers'),
    events,
  ],
  'generic-garbage-collector': [rule('delete get list patch update watch', '*', '*'), events],
  'horizontal-pod-autoscaler': [
    rule('get list watch', 'autoscaling', 'horizontalpodautoscalers'),
    rule('update', 'autoscaling', 'horizontalpodautoscalers/status'),
    rule('get update', '*', '*/scale'),
    rule('list', 'core', 'pods'),
    rule('list', 'metrics', 'pods'),
    events,
  ],
  'job-controller': [
    rule('get list patch update watch', 'batch', 'jobs'),
    rule('update', 'batch', 'jobs/finalizers jobs/status'),
    rule('create delete list patch watch', 'core', 'pods'),
    events,
  ],
  'legacy-service-account-token-cleaner': [
    rule('get', 'core', 'configmaps', 'kube-apiserver-legacy-service-account-token-tracking'),
    rule('delete patch', 'core', 'secrets'),
  ],
  'namespace-controller': [
    rule('delete get list watch', 'core', 'namespaces'),
    rule('update', 'core', 'namespaces/finalize namespaces/status'),
    rule('delete deletecollection get list', '*', '*'),
  ],
  'node-controller': [
    rule('delete get list patch update', 'core', 'nodes'),
    rule('patch update', 'core', 'nodes/status'),
    rule('patch update', 'core', 'pods/status'),
    rule('delete get list watch', 'core', 'pods'),
    events,
  ],
  'persistent-volume-binder': [
    rule('create delete get list patch update watch', 'core', 'persistentvolumes'),
    rule('patch update', 'core', 'persistentvolumes/status persistentvolumeclaims/status'),
    rule('get list patch update watch', 'core', 'persistentvolumeclaims'),
    rule('create delete get list watch', 'core', 'pods'),
    rule('create delete get update', 'core', 'endpoints services'),
    rule('get list', 'core', 'secrets'),
    rule('get list watch', 'core', 'nodes'),
    rule('get list watch', 'storage', 'storageclasses'),
    events,
  ],
  'pod-garbage-collector': [
    rule('delete list watch', 'core', 'pods'),
    rule('get list', 'core', 'nodes'),
    rule('patch update', 'core', 'pods/status'),
  ],
  'pv-protection-controller': [rule('get list update watch', 'core', 'persistentvolumes'), events],
  'pvc-protection-controller': [
    rule('get list update watch', 'core', 'persistentvolumeclaims'),
    readPods,
    events,
  ],
  'replicaset-controller': [
    rule('get list update watch', 'apps', 'replicasets'),
    rule('update', 'apps', 'replicasets/finalizers replicasets/status'),
    rule('create delete list patch watch', 'core', 'pods'),
    events,
  ],
  'replication-controller': [
    rule('get list update watch', 'core', 'replicationcontrollers'),
    rule('update', 'core', 'replicationcontrollers/finalizers replicationcontrollers/status'),
    rule('create delete list patch watch', 'core', 'pods'),
    events,
  ],
  'resource-claim-controller': [
    rule('get list watch', 'core', 'pods'),
    rule('update', 'core', 'pods/finalizers'),
    rule('create delete get list watch', 'resource', 'resourceclaims'),
    rule('get list watch', 'resource', 'resourceclaimtemplates'),
    rule('patch update', 'resource', 'resourceclaims resourceclaims/status'),
    rule('patch update', 'core', 'pods/status'),
    events,
  ],
  'resourcequota-controller': [
    rule('list watch', '*', '*'),
    rule('update', 'core', 'resourcequotas/status'),
    events,
  ],
  'root-ca-cert-publisher': [rule('create update', 'core', 'configmaps'), events],
  'route-controller': [rule('list watch', 'core', 'nodes'), rule('patch', 'core', 'nodes/status'), events],
  'service-account-controller': [rule('create', 'core', 'serviceaccounts'), events],
  'service-cidrs-controller': [
    rule('get list patch update watch', 'networking', 'servicecidrs'),
    rule('patch update', 'networking', 'servicecidrs/finalizers servicecidrs/status'),
    rule('get list watch', 'networking', 'ipaddresses'),
    events,
  ],
  'service-controller': [
    rule('get list watch', 'core', 'services'),
    rule('patch update', 'core', 'services/status'),
    rule('list watch', 'core', 'nodes'),
    events,
  ],
  'statefulset-controller': [
    readPods,
    rule('get list watch', 'apps', 'statefulsets'),
    rule('update', 'apps', 'statefulsets/finalizers statefulsets/status'),
    rule('create delete get patch update', 'core', 'pods'),
    rule('create delete get list patch update watch', 'apps', 'controllerrevisions'),
    rule('create delete get list update watch', 'core', 'persistentvolumeclaims'),
    events,
  ],
  'ttl-after-finished-controller': [rule('delete get list watch', 'batch', 'jobs'), events],
  'ttl-controller': [rule('list patch update watch', 'core', 'nodes'), events],
  'validatingadmissionpolicy-status-controller': [
    rule('get list watch', 'admission', 'validatingadmissionpolicies'),
    rule('get patch update', 'admission', 'validatingadmissionpolicies/status'),
    events,
  ],
}
