/**
 * Image names. Pure. `nginx` is `docker.io/library/nginx:latest`, as everywhere.
 * Source: distribution/reference (grammar and normalisation).
 */
import { ImageError } from './image-service.ts'

export interface ImageReference {
  /** Host and port: `docker.io`, `localhost:5000`. */
  readonly registry: string
  readonly repository: string
  readonly tag: string | undefined
  /** `sha256:…` */
  readonly digest: string | undefined
}

const domainPattern =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::\d+)?$/
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/

/** @throws ImageError InvalidImageName */
export function parseReference(name: string): ImageReference {
  const [withoutDigest = '', digest] = name.split('@')
  const colon = withoutDigest.lastIndexOf(':')
  const hasTag = colon > withoutDigest.lastIndexOf('/')
  const tag = hasTag ? withoutDigest.slice(colon + 1) : undefined
  const path = hasTag ? withoutDigest.slice(0, colon) : withoutDigest
  const slash = path.indexOf('/')
  const first = slash === -1 ? '' : path.slice(0, slash)
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost'
  const registry = isHost ? (first === 'index.docker.io' ? 'docker.io' : first) : 'docker.io'
  const bare = isHost ? path.slice(slash + 1) : path
  const repository = registry === 'docker.io' && !bare.includes('/') ? `library/${bare}` : bare
  const isValid =
    domainPattern.test(registry) &&
    pathPattern.test(repository) &&
    (tag === undefined || /^\w[\w.-]{0,127}$/.test(tag)) &&
    (digest === undefined || /^sha256:[0-9a-f]{64}$/.test(digest))
  if (!isValid) {
    throw new ImageError(
      'InvalidImageName',
      `Failed to apply default image tag "${name}": couldn't parse image name "${name}": invalid reference format`,
    )
  }
  return { registry, repository, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest }
}

/** `registry/repository:tag` or `registry/repository@digest`. */
export function formatReference(reference: ImageReference): string {
  const base = `${reference.registry}/${reference.repository}`
  return reference.digest === undefined
    ? `${base}:${reference.tag ?? 'latest'}`
    : `${base}@${reference.digest}`
}
