/**
 * What a simulated container does, read off its command. Pure. Known: `exit N`, `true`, `false`,
 * `sleep N`, `echo …`, joined by `;` or `&&`, alone or as `sh -c`. Everything else runs until it is killed.
 */
export interface FakeProgram {
  /** Lines that it says at its start. */
  readonly lines: readonly string[]
  /** Ends by itself after this long. Undefined: never. */
  readonly endsAfterMs: number | undefined
  readonly exitCode: number
}

export function fakeProgram(words: readonly string[]): FakeProgram {
  const isShell = /(^|\/)(ba|da|a)?sh$/.test(words[0] ?? '')
  const script = isShell && words[1] === '-c' ? (words[2] ?? '') : words.join(' ')
  const lines: string[] = []
  let elapsedMs = 0
  let exitCode = 0
  for (const step of script
    .split(/;|&&|\n/)
    .map((text) => text.trim())
    .filter(Boolean)) {
    const [command = '', ...rest] = step.split(/\s+/)
    const name = command.slice(command.lastIndexOf('/') + 1)
    if (name === 'echo') lines.push(rest.join(' ').replace(/^(['"])(.*)\1$/, '$2'))
    else if (name === 'true') exitCode = 0
    else if (name === 'false') exitCode = 1
    else if (name === 'sleep' && /^\d+(\.\d+)?$/.test(rest[0] ?? '')) elapsedMs += Number(rest[0]) * 1000
    else if (name === 'exit') return { lines, endsAfterMs: elapsedMs, exitCode: Number(rest[0] ?? exitCode) }
    else return { lines, endsAfterMs: undefined, exitCode: 0 }
  }
  return script === ''
    ? { lines, endsAfterMs: undefined, exitCode: 0 }
    : { lines, endsAfterMs: elapsedMs, exitCode }
}
