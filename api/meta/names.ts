/**
 * Names: which texts may name what, and how `generateName` is completed.
 *
 * Each check gives the problems in upstream's words; an empty list means valid.
 * Source: k8s.io/apimachinery pkg/util/validation, pkg/api/validation/name.go; apiserver pkg/storage/names.
 */

const label1123 = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const label1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/
const subdomain1123 = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const qualifiedNamePart = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/

/** The text for what is too long. */
function tooLongText(max: number): string {
  return `must be no more than ${max} characters`
}

function regexText(message: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`
  const listed = examples.map((example) => `'${example}'`).join(', or ')
  return `${message} (e.g. ${listed}, regex used for validation is '${pattern}')`
}

const label1123Text = regexText(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  '[a-z0-9]([-a-z0-9]*[a-z0-9])?',
  'my-name',
  '123-abc',
)
const label1035Text = regexText(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  '[a-z]([-a-z0-9]*[a-z0-9])?',
  'my-name',
  'abc-123',
)
const subdomain1123Text = regexText(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*',
  'example.com',
)
const qualifiedNameText = regexText(
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]',
  'MyName',
  'my.name',
  '123-abc',
)
const labelValueText = regexText(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?',
  'MyValue',
  'my_value',
  '12345',
)

function check(text: string, { max, pattern, message }: { max: number; pattern: RegExp; message: string }) {
  const problems: string[] = []
  if (text.length > max) problems.push(tooLongText(max))
  if (!pattern.test(text)) problems.push(message)
  return problems
}

/** DNS-1123 label: most short names, namespaces. */
export function dns1123LabelProblems(text: string): string[] {
  return check(text, { max: 63, pattern: label1123, message: label1123Text })
}

/** DNS-1035 label: services. */
export function dns1035LabelProblems(text: string): string[] {
  return check(text, { max: 63, pattern: label1035, message: label1035Text })
}

/** DNS-1123 subdomain: most names. */
export function dns1123SubdomainProblems(text: string): string[] {
  return check(text, { max: 253, pattern: subdomain1123, message: subdomain1123Text })
}

/** A name that may be a segment of a path (RBAC). */
export function pathSegmentProblems(text: string): string[] {
  if (text === '.' || text === '..') return [`may not be '${text}'`]
  return ['/', '%'].filter((part) => text.includes(part)).map((part) => `may not contain '${part}'`)
}

/** A key of labels, annotations, taints, resources: `[prefix/]name`. */
export function qualifiedNameProblems(text: string): string[] {
  const parts = text.split('/')
  const [first = '', second] = parts
  if (parts.length > 2) {
    return [
      `a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  }
  const problems: string[] = []
  if (second !== undefined) {
    if (first === '') problems.push('prefix part must be non-empty')
    else problems.push(...dns1123SubdomainProblems(first).map((problem) => `prefix part ${problem}`))
  }
  const name = second ?? first
  if (name === '') problems.push('name part must be non-empty')
  else if (name.length > 63) problems.push(`name part ${tooLongText(63)}`)
  if (!qualifiedNamePart.test(name)) problems.push(qualifiedNameText)
  return problems
}

/** The value of a label. */
export function labelValueProblems(text: string): string[] {
  const problems = text.length > 63 ? [tooLongText(63)] : []
  if (text !== '' && !qualifiedNamePart.test(text)) problems.push(labelValueText)
  return problems
}

/** The name of a port: IANA service name. */
export function portNameProblems(text: string): string[] {
  const problems: string[] = []
  if (text.length > 15) problems.push(tooLongText(15))
  if (!/^[-a-z0-9]+$/.test(text))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(text)) problems.push('must contain at least one letter (a-z)')
  if (text.includes('--')) problems.push('must not contain consecutive hyphens')
  if (text.startsWith('-') || text.endsWith('-')) problems.push('must not begin or end with a hyphen')
  return problems
}

/** A port number. */
export function portNumberProblems(port: number): string[] {
  return Number.isInteger(port) && port >= 1 && port <= 65535
    ? []
    : ['must be between 1 and 65535, inclusive']
}

/** The name of an environment variable (relaxed: any printable ASCII but "="). */
export function envVarNameProblems(text: string): string[] {
  if (text === '') return ['environment variable name must not be empty']
  if (/^[\x20-\x3c\x3e-\x7e]+$/.test(text)) return []
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
}

/** The key of a ConfigMap or Secret. */
export function configMapKeyProblems(text: string): string[] {
  const problems = text.length > 253 ? [tooLongText(253)] : []
  if (!/^[-._a-zA-Z0-9]+$/.test(text)) {
    problems.push(
      regexText(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        '[-._a-zA-Z0-9]+',
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    )
  }
  if (text === '.' || text === '..') problems.push(`must not be '${text}'`)
  else if (text.startsWith('..')) problems.push(`must not start with '..'`)
  return problems
}

/** Ways in which `metadata.name` may be checked (see Kind.nameFormat). */
export type NameFormat = 'subdomain' | 'label' | 'service' | 'path-segment'

const formats: Readonly<Record<NameFormat, (text: string) => string[]>> = {
  subdomain: dns1123SubdomainProblems,
  label: dns1123LabelProblems,
  service: dns1035LabelProblems,
  'path-segment': pathSegmentProblems,
}

/** Problems of an object's name; a prefix (generateName) may end in what a name may not. */
export function nameProblems(format: NameFormat, text: string, isPrefix = false): string[] {
  const checked = isPrefix && text.endsWith('-') ? `${text.slice(0, -1)}a` : text
  return formats[format](checked)
}

const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789'
const suffixLength = 5
const generatedBaseMax = 58

/** A stream of integers in [0, bound), as `Random` in platform/ gives. */
export interface Draw {
  int(bound: number): number
}

/** A name from `generateName`: its first 58 characters and five drawn ones. */
export function generateName(base: string, draw: Draw): string {
  return base.slice(0, generatedBaseMax) + nameSuffix(draw, suffixLength)
}

/** `length` characters that form no words and are unlike one another. */
export function nameSuffix(draw: Draw, length: number): string {
  let text = ''
  for (let i = 0; i < length; i += 1) text += suffixLetters[draw.int(suffixLetters.length)] ?? ''
  return text
}
