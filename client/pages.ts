/** Lists of any length, a page at a time. */
import { isGone } from '../api/meta/status.ts'
import type { ListOptions, ListResult, ResourceClient } from './api-client.ts'

/** Objects per page. */
export const pageLimit = 500

/**
 * All objects, as of one resourceVersion. When a continue token has expired half-way the whole list is
 * asked for at once, as client-go's pager does, so that the result is never of two moments.
 */
export async function listAll<T>(
  client: Pick<ResourceClient<T>, 'list'>,
  options: ListOptions = {},
): Promise<ListResult<T>> {
  const items: T[] = []
  let token: string | undefined
  for (;;) {
    try {
      const page = await client.list({ ...options, limit: pageLimit, continue: token })
      items.push(...page.items)
      token = page.continue
      if (token === undefined) return { resourceVersion: page.resourceVersion, items }
    } catch (error) {
      if (token === undefined || !isGone(error)) throw error
      return client.list(options)
    }
  }
}
