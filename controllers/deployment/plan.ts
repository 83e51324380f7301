/**
 * `planDeployment`: what a Deployment wants done next. Pure; one step at a time, as upstream's sync: a plan
 * that resizes something ends there, and the change that comes back starts the next look.
 *
 *   going away ─► status only
 *   paused, or scaled ─► resize in proportion ─► status
 *   Recreate ─► old to 0 ─► wait for their pods ─► new to n
 *   RollingUpdate ─► grow the new ─► shrink the old
 *   complete ─► clean up old revisions
 */
import {
  type DeploymentPlan,
  type Draft,
  draftOf,
  isRollingUpdate,
  type ObservedDeployment,
} from './draft.ts'
import { createCurrentSet, isScalingEvent, planCleanup, syncCurrentSet } from './revision.ts'
import { areOldPodsRunning, scaleCurrentSet, scaleOldSets, scaleOldSetsToNothing } from './rolling.ts'
import { canScale, scaleToReplicas } from './scaling.ts'
import { countedStatus, isComplete, notePause, progressCheckAfterMs, rolloutStatus } from './status.ts'

export function planDeployment(observed: ObservedDeployment): DeploymentPlan {
  const draft = draftOf(observed)
  if (observed.deployment.metadata.deletionTimestamp !== undefined) {
    return { actions: [], status: countedStatus(draft) }
  }
  notePause(draft)
  if (observed.deployment.spec?.paused) return planPaused(draft)
  if (isScalingEvent(draft) && canScale(draft)) return planScaled(draft)
  return isRollingUpdate(observed.deployment) ? planRolling(draft) : planRecreate(draft)
}

function planPaused(draft: Draft): DeploymentPlan {
  syncCurrentSet(draft)
  scaleToReplicas(draft)
  planCleanup(draft)
  return { actions: draft.actions, status: countedStatus(draft) }
}

function planScaled(draft: Draft): DeploymentPlan {
  syncCurrentSet(draft)
  scaleToReplicas(draft)
  return { actions: draft.actions, status: countedStatus(draft) }
}

function planRolling(draft: Draft): DeploymentPlan {
  if (!draft.current) {
    createCurrentSet(draft)
    return finish(draft)
  }
  if (syncCurrentSet(draft) || scaleCurrentSet(draft) || scaleOldSets(draft)) return finish(draft)
  return finishWithCleanup(draft)
}

function planRecreate(draft: Draft): DeploymentPlan {
  if (draft.current && syncCurrentSet(draft)) return finish(draft)
  if (scaleOldSetsToNothing(draft) || areOldPodsRunning(draft)) return finish(draft)
  if (!draft.current) {
    createCurrentSet(draft)
    return finish(draft)
  }
  if (scaleCurrentSet(draft)) return finish(draft)
  return finishWithCleanup(draft)
}

function finish(draft: Draft): DeploymentPlan {
  const status = rolloutStatus(draft)
  return { actions: draft.actions, status, requeueAfterMs: progressCheckAfterMs(draft, status) }
}

function finishWithCleanup(draft: Draft): DeploymentPlan {
  if (isComplete(draft.deployment, draft.deployment.status ?? {})) planCleanup(draft)
  return finish(draft)
}
