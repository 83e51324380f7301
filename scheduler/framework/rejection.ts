/**
 * What a plugin says when a pod must not go somewhere. A plugin that is content says nothing
 * (`undefined`); a plugin that is broken throws. Texts are upstream's to the letter: people search them.
 *
 * Source: kube-scheduler framework `Status`.
 */

/**
 * `unschedulable`: removing pods from the node may help (preemption looks there).
 * `unresolvable`: nothing that preemption can do helps on this node.
 * `pending`: the plugin waits for something outside and will ask for the pod when it has come.
 */
export type RejectionCode = 'unschedulable' | 'unresolvable' | 'pending'

export interface Rejection {
  readonly code: RejectionCode
  /** One or more, as shown in the pod's events. */
  readonly reasons: readonly string[]
  readonly plugin: string
}

/** A rejection that preemption might lift. */
export function unschedulable(plugin: string, ...reasons: string[]): Rejection {
  return { code: 'unschedulable', reasons, plugin }
}

/** A rejection that no preemption on this node can lift. */
export function unresolvable(plugin: string, ...reasons: string[]): Rejection {
  return { code: 'unresolvable', reasons, plugin }
}
