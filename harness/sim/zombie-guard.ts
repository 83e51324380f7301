/**
 * A machine's services outlive the processes that call them, but a promise that a dead process awaits must
 * never continue: its next line would act from beyond the grave. The guard stands between the two.
 */
import type { EventOwner } from '../../platform/sim/index.ts'

const forever = <T>(): Promise<T> => new Promise<T>(() => {})

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function guardCall(
  owner: EventOwner,
  target: object,
  method: (...args: unknown[]) => unknown,
): (...args: unknown[]) => unknown {
  return (...args) => {
    if (!owner.isAlive) return forever()
    const living = args.map((argument) =>
      typeof argument === 'function' ? guardCallback(owner, argument) : argument,
    )
    const result = method.apply(target, living)
    if (!(result instanceof Promise)) return result
    return result.then(
      (value: unknown) => (owner.isAlive ? value : forever()),
      (error: unknown) => (owner.isAlive ? Promise.reject(error as Error) : forever()),
    )
  }
}

function guardCallback(
  owner: EventOwner,
  callback: { apply(self: unknown, args: unknown[]): unknown },
): (...args: unknown[]) => unknown {
  return (...args) => (owner.isAlive ? callback.apply(undefined, args) : undefined)
}

/** `service`, as seen by one process: its calls and callbacks end with the process. */
export function guardService<T extends object>(owner: EventOwner, service: T): T {
  return new Proxy(service, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value === 'function')
        return guardCall(owner, target, value as (...args: unknown[]) => unknown) // unsafe: a method of `service`
      return isObject(value) && Object.getPrototypeOf(value) !== Array.prototype
        ? guardService(owner, value)
        : value
    },
  })
}
