/**
 * ServiceAccount tokens: issued by TokenRequest, verified on every request that bears one.
 *
 * A token is good when one of our keys signed it, its issuer and audience are ours, its time has come and
 * not passed, and the ServiceAccount and the Pod or Secret that it is bound to still exist with the same
 * uid. A verdict is remembered for ten seconds.
 * Source: k8s.io/kubernetes pkg/serviceaccount/{claims,legacy,jwt}.go.
 */
import { isObject } from '../../api/meta/json.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Crypto } from '../../platform/crypto.ts'
import { uuid, type Random } from '../../platform/random.ts'
import { type Claims, keyIdOf, signJwt, verifyJwt } from './jwt.ts'
import { serviceAccountUserName, type User } from './user.ts'
import type { TokenAuthenticator } from './authenticator.ts'

const verdictTtlMs = 10_000
const verdictsMax = 1_000
/** Clocks of issuers and verifiers may differ by this much. */
const leewaySeconds = 10

/** Issuer and claim names of the tokens that Secrets of type service-account-token hold. */
const legacyIssuer = 'kubernetes/serviceaccount'
const legacyPrefix = 'kubernetes.io/serviceaccount/'

export interface TokenKeys {
  readonly privateKey: string
  readonly publicKeys: readonly string[]
  readonly issuer: string
  /** Accepted without being asked for; the first is issued by default. */
  readonly audiences: readonly string[]
}

export interface BoundObject {
  readonly kind: 'Pod' | 'Secret' | 'Node'
  readonly name: string
  readonly uid: string
}

export interface TokenSpec {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly audiences: readonly string[]
  readonly expirationSeconds: number
  readonly bound: BoundObject | undefined
  /** The node of a bound pod. */
  readonly node: { readonly name: string; readonly uid: string } | undefined
}

/** Where objects that tokens are bound to are looked up. */
export interface BoundObjects {
  get(
    kind: 'ServiceAccount' | BoundObject['kind'],
    namespace: string,
    name: string,
  ): Promise<KubeObject | undefined>
}

export class ServiceAccountTokens implements TokenAuthenticator {
  readonly #powers: { readonly clock: Clock; readonly crypto: Crypto; readonly random: Random }
  readonly #keys: TokenKeys
  readonly #objects: BoundObjects
  readonly #verdicts = new Map<string, { readonly user: User | undefined; readonly untilMs: number }>()
  #keyId: string | undefined

  constructor(
    powers: { clock: Clock; crypto: Crypto; random: Random },
    keys: TokenKeys,
    objects: BoundObjects,
  ) {
    this.#powers = powers
    this.#keys = keys
    this.#objects = objects
  }

  /** A new token and when it expires (ms since the epoch). */
  issue(spec: TokenSpec): { readonly token: string; readonly expiresMs: number } {
    const now = Math.floor(this.#powers.clock.wallMs() / 1000)
    const expires = now + spec.expirationSeconds
    const bound = spec.bound && {
      [spec.bound.kind.toLowerCase()]: { name: spec.bound.name, uid: spec.bound.uid },
    }
    const claims: Claims = {
      aud: spec.audiences.length === 0 ? this.#keys.audiences.slice(0, 1) : spec.audiences,
      exp: expires,
      iat: now,
      iss: this.#keys.issuer,
      jti: uuid(this.#powers.random),
      'kubernetes.io': {
        namespace: spec.namespace,
        ...(spec.node && spec.bound?.kind === 'Pod' ? { node: spec.node } : {}),
        ...bound,
        serviceaccount: { name: spec.name, uid: spec.uid },
      },
      nbf: now,
      sub: serviceAccountUserName(spec.namespace, spec.name),
    }
    const key = { privateKey: this.#keys.privateKey, keyId: this.keyId() }
    return { token: signJwt(this.#powers.crypto, key, claims), expiresMs: expires * 1000 }
  }

  /** The id of the signing key. */
  keyId(): string {
    const { crypto } = this.#powers
    this.#keyId ??= keyIdOf(crypto, crypto.publicKeyOf(this.#keys.privateKey))
    return this.#keyId
  }

  async authenticate(token: string, audiences: readonly string[]): Promise<User | undefined> {
    const nowMs = this.#powers.clock.monotonicMs()
    const key = `${audiences.join(' ')} ${token}`
    const known = this.#verdicts.get(key)
    if (known && nowMs < known.untilMs) return known.user
    const user = await this.#verify(token, audiences)
    this.#remember(key, user, nowMs)
    return user
  }

  #remember(key: string, user: User | undefined, nowMs: number): void {
    this.#verdicts.delete(key)
    this.#verdicts.set(key, { user, untilMs: nowMs + verdictTtlMs })
    for (const oldest of this.#verdicts.keys()) {
      if (this.#verdicts.size <= verdictsMax) break
      this.#verdicts.delete(oldest)
    }
  }

  async #verify(token: string, audiences: readonly string[]): Promise<User | undefined> {
    const claims = verifyJwt(this.#powers.crypto, this.#keys.publicKeys, token)
    if (!claims) return undefined
    if (claims['iss'] === legacyIssuer) return await this.#verifyLegacy(claims, token, audiences)
    if (!this.#isTimely(claims) || claims['iss'] !== this.#keys.issuer) return undefined
    const accepted = audiences.length === 0 ? this.#keys.audiences : audiences
    if (!textsOf(claims['aud']).some((audience) => accepted.includes(audience))) return undefined
    const own = recordOf(claims['kubernetes.io'])
    const namespace = textOf(own['namespace'])
    const account = recordOf(own['serviceaccount'])
    const name = textOf(account['name'])
    if (namespace === '' || name === '' || claims['sub'] !== serviceAccountUserName(namespace, name))
      return undefined
    if (!(await this.#isAlive('ServiceAccount', namespace, account))) return undefined
    if (own['pod'] !== undefined && !(await this.#isAlive('Pod', namespace, recordOf(own['pod']))))
      return undefined
    if (own['secret'] !== undefined && !(await this.#isAlive('Secret', namespace, recordOf(own['secret']))))
      return undefined
    return userOf(namespace, name, claims)
  }

  /** A token from a Secret: it never expires, and lives as long as that Secret holds it. */
  async #verifyLegacy(
    claims: Claims,
    token: string,
    audiences: readonly string[],
  ): Promise<User | undefined> {
    if (audiences.length > 0 && !audiences.some((audience) => this.#keys.audiences.includes(audience)))
      return undefined
    const namespace = textOf(claims[`${legacyPrefix}namespace`])
    const name = textOf(claims[`${legacyPrefix}service-account.name`])
    const uid = textOf(claims[`${legacyPrefix}service-account.uid`])
    const secretName = textOf(claims[`${legacyPrefix}secret.name`])
    if (claims['sub'] !== serviceAccountUserName(namespace, name) || secretName === '') return undefined
    if (!(await this.#isAlive('ServiceAccount', namespace, { name, uid }))) return undefined
    const secret = await this.#objects.get('Secret', namespace, secretName)
    if (!secret || secret.metadata.deletionTimestamp !== undefined) return undefined
    const held = textOf(recordOf(secret['data'])['token'])
    if (Buffer.from(held, 'base64').toString('utf8') !== token) return undefined
    return userOf(namespace, name, { 'kubernetes.io': { serviceaccount: { name, uid } } })
  }

  #isTimely(claims: Claims): boolean {
    const now = this.#powers.clock.wallMs() / 1000
    const { exp, nbf } = claims
    return (
      typeof exp === 'number' &&
      now < exp + leewaySeconds &&
      (typeof nbf !== 'number' || now >= nbf - leewaySeconds)
    )
  }

  async #isAlive(
    kind: 'ServiceAccount' | BoundObject['kind'],
    namespace: string,
    reference: Readonly<Record<string, unknown>>,
  ): Promise<boolean> {
    const object = await this.#objects.get(kind, namespace, textOf(reference['name']))
    return object !== undefined && object.metadata.uid === reference['uid']
  }
}

function userOf(namespace: string, name: string, claims: Claims): User {
  const own = recordOf(claims['kubernetes.io'])
  const pod = recordOf(own['pod'])
  const node = recordOf(own['node'])
  const extra: Record<string, readonly string[]> = {}
  const add = (key: string, value: unknown) => {
    if (typeof value === 'string' && value !== '') extra[`authentication.kubernetes.io/${key}`] = [value]
  }
  add('credential-id', claims['jti'] === undefined ? undefined : `JTI=${String(claims['jti'])}`)
  add('node-name', node['name'])
  add('node-uid', node['uid'])
  add('pod-name', pod['name'])
  add('pod-uid', pod['uid'])
  return {
    name: serviceAccountUserName(namespace, name),
    uid: textOf(recordOf(own['serviceaccount'])['uid']),
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    extra,
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? Object.fromEntries(Object.entries(value)) : {}
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []
}
