/**
 * YAML as kubectl and the API server read it: version 1.1 (`yes` is true, 0644 is octal), timestamps left as
 * text, duplicate keys reported rather than refused.
 *
 * Source: sigs.k8s.io/yaml on go-yaml v2.
 */
import { LineCounter, isMap, isPair, isScalar, parseDocument, stringify, visit } from 'yaml'
import type { Document, ParsedNode } from 'yaml'

/** A text that is no YAML. */
export class YamlError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'YamlError'
  }
}

export interface ParsedYaml {
  readonly value: unknown
  /** `line 7: key "image" already set in map` */
  readonly duplicates: readonly string[]
}

const aliasesMax = 100
const timestampTag = 'tag:yaml.org,2002:timestamp'

function findDuplicates(document: Document<ParsedNode>, lines: LineCounter): string[] {
  const found: string[] = []
  visit(document, {
    Map(_key, map) {
      const seen = new Set<unknown>()
      for (const pair of map.items) {
        if (!isPair(pair) || !isScalar(pair.key)) continue
        const key = pair.key.value
        const line = lines.linePos(pair.key.range?.[0] ?? 0).line
        if (seen.has(key)) found.push(`line ${line}: key ${JSON.stringify(key)} already set in map`)
        seen.add(key)
      }
    },
  })
  return found
}

/**
 * Reads one YAML document.
 * @throws YamlError
 */
export function parseYaml(text: string): ParsedYaml {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    version: '1.1',
    uniqueKeys: false,
    lineCounter: lines,
    prettyErrors: false,
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || tag.tag !== timestampTag),
  })
  const problem = document.errors[0]
  if (problem !== undefined) {
    const line = lines.linePos(problem.pos[0]).line
    throw new YamlError(`error converting YAML to JSON: yaml: line ${line}: ${problem.message}`)
  }
  try {
    const value: unknown = document.toJS({ maxAliasCount: aliasesMax })
    const duplicates = isMap(document.contents) ? findDuplicates(document, lines) : []
    return { value, duplicates }
  } catch (error) {
    throw new YamlError(`error converting YAML to JSON: yaml: ${error instanceof Error ? error.message : ''}`)
  }
}

/** A value as YAML with sorted keys, as kubectl prints it. */
export function formatYaml(value: unknown): string {
  return stringify(value, {
    version: '1.1',
    sortMapEntries: true,
    lineWidth: 0,
    aliasDuplicateObjects: false,
  })
}
