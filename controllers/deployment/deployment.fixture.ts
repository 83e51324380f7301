/**
 * A world of one Deployment without servers, for tests: plans are carried out at once, pods are counts that
 * the test makes ready or not.
 */
import type { Deployment, DeploymentSpec, ReplicaSet } from '../../api/types.ts'
import { formatTime } from '../../api/meta/time.ts'
import { compareTexts } from '../framework/claim.ts'
import { epochMs } from '../testing/objects.ts'
import { desiredReplicasAnnotation, type DeploymentPlan, maxReplicasAnnotation, sizeOf } from './draft.ts'
import { planDeployment } from './plan.ts'

const stepsMax = 200

export class DeploymentModel {
  deployment: Deployment
  replicaSets: ReplicaSet[] = []
  nowMs = epochMs
  lastPlan: DeploymentPlan | undefined
  /** Images whose pods never become ready. */
  readonly brokenImages = new Set<string>()
  /** Pods of sets at zero are still on their way out. */
  holdsTerminating = false
  #uids = 0

  constructor(deployment: Deployment) {
    this.deployment = deployment
  }

  image(): string {
    return this.deployment.spec?.template.spec?.containers[0]?.image ?? ''
  }

  change(spec: Partial<DeploymentSpec>): void {
    const { metadata } = this.deployment
    const current = this.deployment.spec
    if (!current) throw new Error('a deployment has a spec')
    this.deployment = {
      ...this.deployment,
      metadata: { ...metadata, generation: (metadata.generation ?? 0) + 1 },
      spec: { ...current, ...spec },
    }
  }

  setImage(image: string): void {
    const template = this.deployment.spec?.template
    this.change({ template: { ...template, spec: { containers: [{ name: 'web', image }] } } })
  }

  setOf(image: string): ReplicaSet | undefined {
    return this.replicaSets.find((set) => imageOf(set) === image)
  }

  /** Size by image, the images in order. */
  sizes(): Record<string, number> {
    const byImage = [...this.replicaSets].sort((a, b) => compareTexts(imageOf(a), imageOf(b)))
    return Object.fromEntries(byImage.map((set) => [imageOf(set), sizeOf(set)]))
  }

  totals(): { total: number; available: number } {
    return {
      total: this.replicaSets.reduce((sum, set) => sum + sizeOf(set), 0),
      available: this.replicaSets.reduce((sum, set) => sum + (set.status?.availableReplicas ?? 0), 0),
    }
  }

  /** Available pods that are left once every set has shrunk to its size, unavailable ones going first. */
  availableWithin(): number {
    return this.replicaSets.reduce(
      (sum, set) => sum + Math.min(sizeOf(set), set.status?.availableReplicas ?? 0),
      0,
    )
  }

  /** Sets sizes and available pods by image. */
  force(sets: Readonly<Record<string, readonly [size: number, available: number]>>): void {
    this.replicaSets = this.replicaSets.map((set) => {
      const [size, available] = sets[imageOf(set)] ?? [0, 0]
      return withStatus(
        { ...set, spec: { ...set.spec, selector: set.spec?.selector ?? {}, replicas: size } },
        size,
        available,
      )
    })
  }

  /** Notes on every set that the sizes are those of a Deployment with `total` pods at most (default: as wanted now). */
  makeSized(total?: number): void {
    const { replicas = 1 } = this.deployment.spec ?? {}
    const max = total ?? replicas + 3
    this.replicaSets = this.replicaSets.map((set) => {
      const annotations = {
        ...set.metadata.annotations,
        [desiredReplicasAnnotation]: String(max - 3),
        [maxReplicasAnnotation]: String(max),
      }
      return { ...set, metadata: { ...set.metadata, annotations } }
    })
  }

  planOnce(): boolean {
    const plan = planDeployment({
      deployment: this.deployment,
      replicaSets: this.replicaSets,
      hasRunningPods: () => this.holdsTerminating,
      nowMs: this.nowMs,
    })
    this.lastPlan = plan
    for (const action of plan.actions) this.#carryOut(action)
    const isChanged = JSON.stringify(plan.status) !== JSON.stringify(this.deployment.status)
    this.deployment = { ...this.deployment, status: plan.status }
    return plan.actions.length > 0 || isChanged
  }

  /** The ReplicaSet controller: pods are made and removed, and the sets' statuses say so. */
  followSizes(): void {
    this.replicaSets = this.replicaSets.map((set) => {
      const size = sizeOf(set)
      const available = Math.min(set.status?.availableReplicas ?? 0, size)
      return withStatus(set, size, available)
    })
  }

  /** Up to `count` pods in all become available. */
  makeReady(count: number): void {
    let left = count
    this.replicaSets = this.replicaSets.map((set) => {
      const available = set.status?.availableReplicas ?? 0
      if (this.brokenImages.has(imageOf(set))) return set
      const more = Math.min(left, (set.status?.replicas ?? 0) - available)
      left -= more
      return withStatus(set, set.status?.replicas ?? 0, available + more)
    })
  }

  makeUnready(count: number): void {
    let left = count
    this.replicaSets = this.replicaSets.map((set) => {
      const available = set.status?.availableReplicas ?? 0
      const fewer = Math.min(left, available)
      left -= fewer
      return withStatus(set, set.status?.replicas ?? 0, available - fewer)
    })
  }

  /** One round of both controllers, then every pod that can becomes ready. */
  step(): boolean {
    const isChanged = this.planOnce()
    const before = JSON.stringify(this.replicaSets)
    this.followSizes()
    this.makeReady(1000)
    return isChanged || before !== JSON.stringify(this.replicaSets)
  }

  /** Rounds until nothing changes. @throws when it never ends */
  settle(): void {
    for (let step = 0; step < stepsMax; step += 1) if (!this.step()) return
    throw new Error(`no end after ${stepsMax} rounds: ${JSON.stringify(this.sizes())}`)
  }

  #carryOut(action: DeploymentPlan['actions'][number]): void {
    switch (action.type) {
      case 'create-replica-set': {
        this.#uids += 1
        const { metadata } = action.replicaSet
        const creationTimestamp = formatTime(this.nowMs + this.#uids * 1000)
        const named = { ...metadata, uid: `set-${this.#uids}`, generation: 1, creationTimestamp }
        this.replicaSets.push({ ...action.replicaSet, metadata: named })
        return
      }
      case 'update-replica-set':
        this.replicaSets = this.replicaSets.map((set) =>
          set.metadata.uid === action.replicaSet.metadata.uid ? action.replicaSet : set,
        )
        return
      case 'delete-replica-set':
        this.replicaSets = this.replicaSets.filter(
          ({ metadata }) => metadata.uid !== action.replicaSet.metadata.uid,
        )
        return
      case 'annotate': {
        const { metadata } = this.deployment
        const annotations = { ...metadata.annotations, ...action.annotations }
        this.deployment = { ...this.deployment, metadata: { ...metadata, annotations } }
      }
    }
  }
}

function imageOf(set: ReplicaSet): string {
  return set.spec?.template?.spec?.containers[0]?.image ?? ''
}

function withStatus(set: ReplicaSet, replicas: number, available: number): ReplicaSet {
  const { generation } = set.metadata
  const status = {
    replicas,
    readyReplicas: available,
    availableReplicas: available,
    observedGeneration: generation,
  }
  return { ...set, status }
}
