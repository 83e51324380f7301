/** Every controller, one line each, sorted by upstream's name. */
import { clusterRoleAggregationController } from './cluster-role-aggregation.ts'
import { daemonSetController } from './daemonset/controller.ts'
import { deploymentController } from './deployment/controller.ts'
import { disruptionController } from './disruption.ts'
import { endpointsController, endpointSliceController } from './endpoints/controller.ts'
import type { Controller } from './framework/controller.ts'
import { garbageCollectorController } from './garbage-collector/controller.ts'
import { jobController } from './job/controller.ts'
import { namespaceController } from './namespace.ts'
import { nodeIpamController } from './node-ipam.ts'
import { nodeLifecycleController } from './node-lifecycle/controller.ts'
import { podGcController } from './pod-gc.ts'
import { replicaSetController } from './replicaset.ts'
import { rootCaPublisher } from './root-ca-publisher.ts'
import { serviceAccountTokenController } from './service-account-token.ts'
import { serviceAccountController } from './service-account.ts'
import { statefulSetController } from './statefulset/controller.ts'
import { taintEvictionController } from './taint-eviction.ts'
import { ttlAfterFinishedController } from './ttl-after-finished.ts'

export const controllers: readonly Controller[] = [
  clusterRoleAggregationController,
  daemonSetController,
  deploymentController,
  disruptionController,
  endpointsController,
  endpointSliceController,
  garbageCollectorController,
  jobController,
  namespaceController,
  nodeIpamController,
  nodeLifecycleController,
  podGcController,
  replicaSetController,
  rootCaPublisher,
  serviceAccountController,
  serviceAccountTokenController,
  statefulSetController,
  taintEvictionController,
  ttlAfterFinishedController,
]
