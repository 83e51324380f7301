/**
 * Tokens of old: a Secret of type `kubernetes.io/service-account-token` that names a ServiceAccount gets a
 * token, the CA and its namespace; it goes when its account goes.
 * Source: Kubernetes pkg/controller/serviceaccount/tokens_controller.go, legacy claims.
 */
import { secrets } from '../api/core/secret.ts'
import { serviceAccounts } from '../api/core/service-account.ts'
import type { Secret, ServiceAccount } from '../api/types.ts'
import { keyOf, splitKey } from '../client/index.ts'
import type { Crypto } from '../platform/crypto.ts'
import type { Controller, ControllerContext } from './framework/controller.ts'
import { ignoreNotFound } from './framework/errors.ts'

export const tokenSecretType = 'kubernetes.io/service-account-token'
export const accountNameAnnotation = 'kubernetes.io/service-account.name'
export const accountUidAnnotation = 'kubernetes.io/service-account.uid'

export interface ObservedTokenSecret {
  readonly secret: Secret
  /** The account that it names; undefined when there is none. */
  readonly account: ServiceAccount | undefined
  readonly rootCa: string
  readonly sign: (claims: Readonly<Record<string, string>>) => string
}

export type TokenAction =
  | { readonly type: 'none' }
  | { readonly type: 'delete' }
  | { readonly type: 'update'; readonly secret: Secret }

/** What a token Secret needs: to be filled, to go, or nothing. Pure but for the signature. */
export function planTokenSecret({ secret, account, rootCa, sign }: ObservedTokenSecret): TokenAction {
  if (secret.type !== tokenSecretType || secret.metadata.deletionTimestamp !== undefined)
    return { type: 'none' }
  const uid = secret.metadata.annotations?.[accountUidAnnotation]
  if (!account || (uid !== undefined && uid !== account.metadata.uid)) return { type: 'delete' }
  const { name = '', namespace = '' } = secret.metadata
  const accountUid = account.metadata.uid ?? ''
  const data: Record<string, string> = { ...secret.data }
  const isComplete = data.token && data['ca.crt'] === toBase64(rootCa) && data.namespace && uid !== undefined
  if (isComplete) return { type: 'none' }
  const accountName = account.metadata.name ?? ''
  data.token ||= toBase64(
    sign({
      iss: 'kubernetes/serviceaccount',
      'kubernetes.io/serviceaccount/namespace': namespace,
      'kubernetes.io/serviceaccount/secret.name': name,
      'kubernetes.io/serviceaccount/service-account.name': accountName,
      'kubernetes.io/serviceaccount/service-account.uid': accountUid,
      sub: `system:serviceaccount:${namespace}:${accountName}`,
    }),
  )
  data['ca.crt'] = toBase64(rootCa)
  data.namespace = toBase64(namespace)
  const annotations = { ...secret.metadata.annotations, [accountUidAnnotation]: accountUid }
  return { type: 'update', secret: { ...secret, metadata: { ...secret.metadata, annotations }, data } }
}

/** A JWS in compact form, RS256 (RFC 7515). */
export function signToken(
  crypto: Crypto,
  privateKey: string,
  claims: Readonly<Record<string, string>>,
): string {
  const keyId = toBase64Url(crypto.digest(crypto.publicKeyOf(privateKey)))
  const encode = (value: unknown) => toBase64Url(new TextEncoder().encode(JSON.stringify(value)))
  const input = `${encode({ alg: 'RS256', kid: keyId })}.${encode(claims)}`
  return `${input}.${toBase64Url(crypto.signRs256(privateKey, new TextEncoder().encode(input)))}`
}

function toBase64(text: string): string {
  return bytesToBase64(new TextEncoder().encode(text))
}

function bytesToBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

function toBase64Url(bytes: Uint8Array): string {
  return bytesToBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** The controller; without a private key it does nothing. */
export const serviceAccountTokenController: Controller = {
  name: 'serviceaccount-token-controller',
  start: (context) => {
    const { serviceAccountPrivateKey } = context.config
    if (serviceAccountPrivateKey === undefined) return
    const queue = context.reconciler('serviceaccount-token', {
      reconcile: (key, signal) => reconcile(context, serviceAccountPrivateKey, key, signal),
    })
    const all = context.informer(secrets)
    const look = (secret: Secret) => {
      if (secret.type === tokenSecretType) queue.add(keyOf(secret))
    }
    all.onChange({ add: look, update: (_, secret) => look(secret) })
    context.informer(serviceAccounts).onChange({
      add: ({ metadata }) => all.list(metadata.namespace).forEach(look),
      delete: ({ metadata }) => all.list(metadata.namespace).forEach(look),
    })
  },
}

async function reconcile(
  context: ControllerContext,
  privateKey: string,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name } = splitKey(key)
  const secret = context.informer(secrets).get(namespace, name)
  if (!secret) return
  const accountName = secret.metadata.annotations?.[accountNameAnnotation] ?? ''
  const cached = context.informer(serviceAccounts).get(namespace, accountName)
  const accounts = context.client.resource(serviceAccounts, namespace)
  // A token is deleted only when its account is really gone, not when the cache is behind.
  const account =
    cached ?? (accountName === '' ? undefined : await ignoreNotFound(accounts.get(accountName, { signal })))
  const sign = (claims: Readonly<Record<string, string>>) =>
    signToken(context.powers.crypto, privateKey, claims)
  const action = planTokenSecret({ secret, account, rootCa: context.config.rootCa, sign })
  const resource = context.client.resource(secrets, namespace)
  const { uid, resourceVersion } = secret.metadata
  if (action.type === 'update') await ignoreNotFound(resource.update(action.secret, { signal }))
  if (action.type === 'delete') {
    await ignoreNotFound(resource.delete(name, { preconditions: { uid, resourceVersion }, signal }))
  }
}
