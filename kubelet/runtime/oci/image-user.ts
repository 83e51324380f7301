/**
 * Who a container runs as: numbers stand for themselves, names are looked up in the image's own
 * /etc/passwd and /etc/group. Pure.
 * Source: OCI image-spec config.md, "User"; Kubernetes' SecurityContext overrides come in as numbers.
 */
import type { ResolvedUser } from './config-json.ts'

export interface UserRequest {
  /** `user`, `uid`, `user:group`, `uid:gid`; empty is root. */
  readonly user: string
  /** Overrides the group. */
  readonly group: number | undefined
  readonly supplementalGroups: readonly number[]
  /** Texts of the image's files; empty when it has none. */
  readonly passwd: string
  readonly groups: string
}

/** @throws Error when a name is not in the image */
export function resolveUser(request: UserRequest): ResolvedUser {
  const [userPart = '', groupPart] = request.user.split(':')
  const entries = parse(request.passwd)
  const byNumber = /^\d+$/.test(userPart)
  const entry = entries.find((fields) => (byNumber ? fields[2] === userPart : fields[0] === userPart))
  if (userPart !== '' && !byNumber && entry === undefined) {
    throw new Error(
      `unable to find user ${userPart}: no matching entries in the image's /etc/passwd; name a numeric runAsUser`,
    )
  }
  const uid = userPart === '' ? 0 : byNumber ? Number(userPart) : Number(entry?.[2])
  const gid = request.group ?? groupOf(groupPart, request.groups) ?? Number(entry?.[3] ?? 0)
  const named = parse(request.groups)
    .filter((fields) => entry?.[0] !== undefined && (fields[3] ?? '').split(',').includes(entry[0]))
    .map((fields) => Number(fields[2]))
  const additionalGids = [...new Set([gid, ...named, ...request.supplementalGroups])].sort((a, b) => a - b)
  return { uid, gid, additionalGids }
}

function groupOf(group: string | undefined, groups: string): number | undefined {
  if (group === undefined || group === '') return undefined
  if (/^\d+$/.test(group)) return Number(group)
  const entry = parse(groups).find((fields) => fields[0] === group)
  if (entry === undefined)
    throw new Error(`unable to find group ${group}: no matching entries in the image's /etc/group`)
  return Number(entry[2])
}

function parse(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'))
}
