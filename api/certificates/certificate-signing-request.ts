/** CertificateSigningRequest (certificates.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { CertificateSigningRequest } from '../types.ts'

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
  columns: nameAndAge(),
})
