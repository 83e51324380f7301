/**
 * The step list of `skedia up`: what was done, what came of it, how long it took. Three forms: with colour on
 * a terminal, plain lines elsewhere (no terminal, `CI`, `NO_COLOR`, `--plain`), one JSON object per step
 * with `--json`. Lines are only ever added: nothing is redrawn, so a log of it reads the same.
 */
import type { Shell } from '../shell.ts'

/** A finished step. */
export interface Step {
  readonly name: string
  readonly detail: string
  readonly ms: number
  readonly n: number
  readonly of: number
}

export type OutputForm = 'colour' | 'plain' | 'json'

/** Which form the flags and the shell ask for. */
export function outputForm(
  shell: Shell,
  flags: { readonly json?: boolean; readonly plain?: boolean; readonly color?: boolean },
): OutputForm {
  if (flags.json) return 'json'
  const isPlain =
    flags.plain || flags.color === false || shell.env['NO_COLOR'] || shell.env['CI'] || !shell.stdout.isTty
  return isPlain ? 'plain' : 'colour'
}

/** One finished step as text or JSON, with its line break. */
export function renderStep(form: OutputForm, step: Step): string {
  if (form === 'json') return `${JSON.stringify({ v: 1, type: 'step', ...step })}\n`
  const mark = form === 'colour' ? paint('green', '✓') : '✓'
  const time = `${Math.round(step.ms)} ms`.padStart(9)
  return ` ${mark} ${step.name.padEnd(24)}${step.detail.padEnd(44)}${form === 'colour' ? paint('dim', time) : time}\n`
}

/** A remark between the steps: a port that was taken, an earlier run that was cleaned up. */
export function renderNote(form: OutputForm, note: string): string {
  if (form === 'json') return `${JSON.stringify({ v: 1, type: 'note', note })}\n`
  return ` ${form === 'colour' ? paint('yellow', '!') : '!'} ${note}\n`
}

const codes = { green: 32, red: 31, yellow: 33, cyan: 36, bold: 1, dim: 2 }

/** SGR colours; for terminals only. */
export function paint(colour: keyof typeof codes, text: string): string {
  return `\u001b[${codes[colour]}m${text}\u001b[0m`
}
