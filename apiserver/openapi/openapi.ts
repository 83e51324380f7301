/** OpenAPI documents, made when first asked for. */
import type { HttpResponse } from '../../platform/network.ts'

export class OpenApi {
  constructor(_crypto: unknown) {}

  serve(_path: string, _headers: Readonly<Record<string, string>>): HttpResponse | undefined {
    return undefined
  }
}
