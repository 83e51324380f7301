/**
 * Every kind that the API serves, one line each, sorted by group, version and resource.
 *
 * A new kind is a file in its group's folder and a line here; the conformance suite runs over all of them.
 */
import type { Kind } from './kind.ts'
import { anyKind } from './meta/kind-definition.ts'
import { mutatingWebhookConfigurations } from './admissionregistration/mutating-webhook-configuration.ts'
import { validatingAdmissionPolicyBindings } from './admissionregistration/validating-admission-policy-binding.ts'
import { validatingAdmissionPolicies } from './admissionregistration/validating-admission-policy.ts'
import { validatingWebhookConfigurations } from './admissionregistration/validating-webhook-configuration.ts'
import { customResourceDefinitions } from './apiextensions/custom-resource-definition.ts'
import { apiServices } from './apiregistration/api-service.ts'
import { controllerRevisions } from './apps/controller-revision.ts'
import { daemonSets } from './apps/daemon-set.ts'
import { deployments } from './apps/deployment.ts'
import { replicaSets } from './apps/replica-set.ts'
import { statefulSets } from './apps/stateful-set.ts'
import { selfSubjectReviews } from './authentication/self-subject-review.ts'
import { tokenReviews } from './authentication/token-review.ts'
import { localSubjectAccessReviews } from './authorization/local-subject-access-review.ts'
import { selfSubjectAccessReviews } from './authorization/self-subject-access-review.ts'
import { selfSubjectRulesReviews } from './authorization/self-subject-rules-review.ts'
import { subjectAccessReviews } from './authorization/subject-access-review.ts'
import { autoscalingV1HorizontalPodAutoscalers } from './autoscaling/horizontal-pod-autoscaler-v1.ts'
import { horizontalPodAutoscalers } from './autoscaling/horizontal-pod-autoscaler.ts'
import { cronJobs } from './batch/cron-job.ts'
import { jobs } from './batch/job.ts'
import { certificateSigningRequests } from './certificates/certificate-signing-request.ts'
import { leases } from './coordination/lease.ts'
import { bindings } from './core/binding.ts'
import { componentStatuses } from './core/component-status.ts'
import { configMaps } from './core/config-map.ts'
import { endpoints } from './core/endpoints.ts'
import { events } from './core/event.ts'
import { limitRanges } from './core/limit-range.ts'
import { namespaces } from './core/namespace.ts'
import { nodes } from './core/node.ts'
import { persistentVolumeClaims } from './core/persistent-volume-claim.ts'
import { persistentVolumes } from './core/persistent-volume.ts'
import { podTemplates } from './core/pod-template.ts'
import { pods } from './core/pod.ts'
import { replicationControllers } from './core/replication-controller.ts'
import { resourceQuotas } from './core/resource-quota.ts'
import { secrets } from './core/secret.ts'
import { serviceAccounts } from './core/service-account.ts'
import { services } from './core/service.ts'
import { endpointSlices } from './discovery/endpoint-slice.ts'
import { eventsV1Events } from './events/event.ts'
import { flowSchemas } from './flowcontrol/flow-schema.ts'
import { priorityLevelConfigurations } from './flowcontrol/priority-level-configuration.ts'
import { ingressClasses } from './networking/ingress-class.ts'
import { ingresses } from './networking/ingress.ts'
import { ipAddresses } from './networking/ip-address.ts'
import { networkPolicies } from './networking/network-policy.ts'
import { serviceCIDRs } from './networking/service-cidr.ts'
import { runtimeClasses } from './node/runtime-class.ts'
import { podDisruptionBudgets } from './policy/pod-disruption-budget.ts'
import { clusterRoleBindings } from './rbac/cluster-role-binding.ts'
import { clusterRoles } from './rbac/cluster-role.ts'
import { roleBindings } from './rbac/role-binding.ts'
import { roles } from './rbac/role.ts'
import { priorityClasses } from './scheduling/priority-class.ts'
import { csiDrivers } from './storage/csi-driver.ts'
import { csiNodes } from './storage/csi-node.ts'
import { csiStorageCapacities } from './storage/csi-storage-capacity.ts'
import { storageClasses } from './storage/storage-class.ts'
import { volumeAttachments } from './storage/volume-attachment.ts'

/** All kinds, sorted by group, version and resource. */
export const catalog: readonly Kind[] = [
  anyKind(bindings),
  anyKind(componentStatuses),
  anyKind(configMaps),
  anyKind(endpoints),
  anyKind(events),
  anyKind(limitRanges),
  anyKind(namespaces),
  anyKind(nodes),
  anyKind(persistentVolumeClaims),
  anyKind(persistentVolumes),
  anyKind(pods),
  anyKind(podTemplates),
  anyKind(replicationControllers),
  anyKind(resourceQuotas),
  anyKind(secrets),
  anyKind(serviceAccounts),
  anyKind(services),
  anyKind(mutatingWebhookConfigurations),
  anyKind(validatingAdmissionPolicies),
  anyKind(validatingAdmissionPolicyBindings),
  anyKind(validatingWebhookConfigurations),
  anyKind(customResourceDefinitions),
  anyKind(apiServices),
  anyKind(controllerRevisions),
  anyKind(daemonSets),
  anyKind(deployments),
  anyKind(replicaSets),
  anyKind(statefulSets),
  anyKind(selfSubjectReviews),
  anyKind(tokenReviews),
  anyKind(localSubjectAccessReviews),
  anyKind(selfSubjectAccessReviews),
  anyKind(selfSubjectRulesReviews),
  anyKind(subjectAccessReviews),
  anyKind(autoscalingV1HorizontalPodAutoscalers),
  anyKind(horizontalPodAutoscalers),
  anyKind(cronJobs),
  anyKind(jobs),
  anyKind(certificateSigningRequests),
  anyKind(leases),
  anyKind(endpointSlices),
  anyKind(eventsV1Events),
  anyKind(flowSchemas),
  anyKind(priorityLevelConfigurations),
  anyKind(ingressClasses),
  anyKind(ingresses),
  anyKind(ipAddresses),
  anyKind(networkPolicies),
  anyKind(serviceCIDRs),
  anyKind(runtimeClasses),
  anyKind(podDisruptionBudgets),
  anyKind(clusterRoleBindings),
  anyKind(clusterRoles),
  anyKind(roleBindings),
  anyKind(roles),
  anyKind(priorityClasses),
  anyKind(csiDrivers),
  anyKind(csiNodes),
  anyKind(csiStorageCapacities),
  anyKind(storageClasses),
  anyKind(volumeAttachments),
]

const byResource = new Map(catalog.map((kind) => [`${kind.group}/${kind.version}/${kind.resource}`, kind]))
const byKind = new Map(catalog.map((kind) => [`${kind.group}/${kind.version}/${kind.kind}`, kind]))

/** The kind served at group, version and resource ('pods'), or undefined. */
export function findKind(group: string, version: string, resource: string): Kind | undefined {
  return byResource.get(`${group}/${version}/${resource}`)
}

/** The kind of group, version and kind ('Pod'), or undefined. */
export function findKindByGvk(group: string, version: string, kind: string): Kind | undefined {
  return byKind.get(`${group}/${version}/${kind}`)
}
