/** Conditions: the list of typed, dated flags that a status carries. One entry per type. */

/** What every kind's condition has in common. */
export interface ConditionLike {
  readonly type: string
  readonly status: string
  readonly reason?: string | undefined
  readonly message?: string | undefined
  readonly lastTransitionTime?: string | undefined
}

/** The condition of a type, or undefined. */
export function findCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type)
}

/** True when the condition of that type is there and "True". */
export function isConditionTrue(conditions: readonly ConditionLike[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True'
}

/**
 * A new list with `next` in place of the condition of its type, at its place, or at the end.
 * `lastTransitionTime` becomes `nowText` (RFC 3339) when the status changes and else stays what it was.
 */
export function setCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  next: C,
  nowText: string,
): readonly C[] {
  const previous = findCondition(conditions, next.type)
  const keepsTime = previous !== undefined && previous.status === next.status
  const lastTransitionTime = keepsTime ? (previous.lastTransitionTime ?? nowText) : nowText
  const dated: C = { ...next, lastTransitionTime }
  if (previous === undefined) return [...(conditions ?? []), dated]
  return (conditions ?? []).map((condition) => (condition === previous ? dated : condition))
}

/** A new list without the condition of that type. */
export function removeCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  type: string,
): readonly C[] {
  return (conditions ?? []).filter((condition) => condition.type !== type)
}
