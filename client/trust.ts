/**
 * The one place where the server's JSON becomes a typed object. The apiserver has validated what it serves
 * (it decodes, defaults and validates every write), so clients do not check each field again.
 */
export function trustServer<T>(value: unknown): T {
  return value as T
}
