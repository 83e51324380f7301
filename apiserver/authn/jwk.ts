/**
 * Modulus and exponent of an RSA public key in SubjectPublicKeyInfo PEM, as RFC 7517 wants them. Reads as
 * much DER as that takes: SEQUENCE { SEQUENCE algorithm, BIT STRING { SEQUENCE { INTEGER n, INTEGER e } } }.
 */
interface Element {
  readonly tag: number
  readonly start: number
  readonly end: number
}

/** @throws RangeError on bytes that are no such key */
export function rsaPublicJwk(pem: string): { readonly n: string; readonly e: string } {
  const der = Uint8Array.from(Buffer.from(pem.replace(/-----[^-]+-----/g, '').replace(/\s+/g, ''), 'base64'))
  const outer = elementAt(der, 0)
  const algorithm = elementAt(der, outer.start)
  const bits = elementAt(der, algorithm.end)
  const key = elementAt(der, bits.start + 1)
  const modulus = elementAt(der, key.start)
  const exponent = elementAt(der, modulus.end)
  return { n: base64Integer(der, modulus), e: base64Integer(der, exponent) }
}

function elementAt(der: Uint8Array, at: number): Element {
  const tag = der[at]
  const first = der[at + 1]
  if (tag === undefined || first === undefined) throw new RangeError('the public key is not complete DER')
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first }
  let length = 0
  const lengthBytes = first & 0x7f
  for (let i = 0; i < lengthBytes; i += 1) length = length * 256 + (der[at + 2 + i] ?? 0)
  const start = at + 2 + lengthBytes
  return { tag, start, end: start + length }
}

function base64Integer(der: Uint8Array, element: Element): string {
  let { start } = element
  while (start < element.end - 1 && der[start] === 0) start += 1
  return Buffer.from(der.subarray(start, element.end)).toString('base64url')
}
