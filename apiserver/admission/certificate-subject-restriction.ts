/**
 * CertificateSubjectRestriction: nobody gets a client certificate of group `system:masters` through
 * signer `kubernetes.io/kube-apiserver-client`. Who may approve is RBAC's to say (verb `approve` on
 * signers), which the default roles give to administrators and the controllers.
 * Source: k8s.io/kubernetes plugin/pkg/admission/certificates/subjectrestriction.
 */
import { fieldOf } from '../../api/meta/json.ts'
import { forbidden } from '../../api/meta/status.ts'
import type { AdmissionPlugin } from './plugin.ts'

const clientSigner = 'kubernetes.io/kube-apiserver-client'
const mastersText = 'system:masters'

export function certificateSubjectRestriction(): AdmissionPlugin {
  return {
    name: 'CertificateSubjectRestriction',
    async validate(attributes) {
      const { kind, object } = attributes
      if (kind.resource !== 'certificatesigningrequests' || attributes.operation !== 'CREATE') return
      const request = fieldOf(object?.['spec'], 'request')
      if (fieldOf(object?.['spec'], 'signerName') !== clientSigner || typeof request !== 'string') return
      if (!holdsText(request, mastersText)) return
      throw forbidden(
        kind,
        attributes.name,
        `use of ${clientSigner} signer with ${mastersText} group is not allowed`,
      )
    },
  }
}

/** Subject names lie in a request's DER as plain strings, so a search finds them. */
function holdsText(pemBase64: string, text: string): boolean {
  const pem = Buffer.from(pemBase64, 'base64').toString('latin1')
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, '').replace(/\s+/g, ''), 'base64')
  return der.includes(text)
}
