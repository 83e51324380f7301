/**
 * CertificateSigningRequest (certificates.k8s.io/v1): a wish for a certificate, to be approved and signed.
 *
 * Source: kubernetes pkg/apis/certificates/validation/validation.go, printers.go.
 */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, none } from '../meta/columns.ts'
import { isConditionTrue } from '../meta/conditions.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, notSupported, required } from '../meta/field-error.ts'
import { withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { humanDuration } from '../meta/time.ts'
import type { CertificateSigningRequest } from '../types.ts'

const usages =
  `signing|digital signature|content commitment|key encipherment|key agreement|data encipherment|cert sign|crl sign|encipher only|decipher only|any|server auth|client auth|code signing|email protection|s/mime|ipsec end system|ipsec tunnel|ipsec user|timestamping|ocsp signing|microsoft sgc|netscape sgc`.split(
    '|',
  )
const expirationSecondsMin = 600

function validate({ spec }: CertificateSigningRequest): readonly FieldError[] {
  const problems: FieldError[] = []
  const signer = spec?.signerName ?? ''
  const seconds = spec?.expirationSeconds
  if ((spec?.request ?? '') === '')
    problems.push(invalidValue('spec.request', '', 'PEM block type must be CERTIFICATE REQUEST'))
  if (signer === '') problems.push(required('spec.signerName'))
  else if (!signer.includes('/') || signer.endsWith('/')) {
    problems.push(
      invalidValue(
        'spec.signerName',
        signer,
        'must be a fully qualified domain and path of the form "example.com/signer-name"',
      ),
    )
  }
  if ((spec?.usages ?? []).length === 0) problems.push(required('spec.usages'))
  ;(spec?.usages ?? []).forEach((usage, index) => {
    if (!usages.includes(usage)) problems.push(notSupported(`spec.usages[${index}]`, usage, usages))
  })
  if (seconds !== undefined && seconds < expirationSecondsMin) {
    problems.push(
      invalidValue(
        'spec.expirationSeconds',
        seconds,
        'may not specify a duration less than 600 seconds (10 minutes)',
      ),
    )
  }
  return problems
}

function conditionText({ status }: CertificateSigningRequest): string {
  const words: string[] = []
  const conditions = status?.conditions
  if (isConditionTrue(conditions, 'Denied')) words.push('Denied')
  else if (isConditionTrue(conditions, 'Approved')) words.push('Approved')
  else words.push('Pending')
  if (isConditionTrue(conditions, 'Failed')) words.push('Failed')
  if ((status?.certificate ?? '') !== '') words.push('Issued')
  return words.join(',')
}

const columns: readonly Column<CertificateSigningRequest>[] = [
  nameColumn(),
  ageColumn(),
  column('SignerName', 'Who is to sign.', ({ spec }) => spec?.signerName ?? none),
  column('Requestor', 'Who asks.', ({ spec }) => spec?.username ?? ''),
  column('RequestedDuration', 'For how long.', ({ spec }) =>
    spec?.expirationSeconds === undefined ? none : humanDuration(spec.expirationSeconds * 1000),
  ),
  column('Condition', 'What became of it.', conditionText),
]

/** The resource `certificatesigningrequests`. */
export const certificateSigningRequests = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  resource: 'certificatesigningrequests',
  namespaced: false,
  definition: 'io.k8s.api.certificates.v1.CertificateSigningRequest',
  shortNames: ['csr'],
  hasStatus: true,
  subresources: [
    {
      name: 'approval',
      verbs: ['get', 'patch', 'update'],
      group: 'certificates.k8s.io',
      version: 'v1',
      kind: 'CertificateSigningRequest',
    },
  ],
  // The request itself is fixed; who asked is written by the server on create.
  prepareForUpdate: (next, previous) => withFields(next, { spec: previous.spec }),
  validate,
  columns,
  selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
})
