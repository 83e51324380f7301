/** Where a probe goes: ports by number or by name. Pure. */
import type { Container } from '../../api/types.ts'

/** @throws Error when no port of the container has that name */
export function resolvePort(port: number | string, container: Container): number {
  if (typeof port === 'number') return port
  if (/^\d+$/.test(port)) return Number(port)
  const named = container.ports?.find((one) => one.name === port)
  if (named === undefined)
    throw new Error(
      `couldn't find port "${port}" of container ${container.name}: name one of its ports, or a number`,
    )
  return named.containerPort
}
