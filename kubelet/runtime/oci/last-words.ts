/**
 * A container's termination message: what it wrote to its termination file, or the tail of its log.
 * Source: Kubernetes `terminationMessagePolicy`: 4096 bytes of the file; 2048 bytes or 80 lines of log.
 */
import type { Files } from '../../../platform/files.ts'

const fileBytesMax = 4096
const logBytesMax = 2048
const logLinesMax = 80

export function lastWords(
  files: Files,
  options: { readonly path: string; readonly logPath: string | undefined },
): string {
  const own = tail(files, options.path, fileBytesMax)
  if (own !== '' || options.logPath === undefined) return own
  const raw = tail(files, options.logPath, logBytesMax * 2)
  const lines = raw.split('\n').filter((line) => line !== '')
  // "<time> <stream> <tag> <text>"
  const texts = lines.slice(-logLinesMax).map((line) => line.split(' ').slice(3).join(' '))
  return texts.join('\n').slice(-logBytesMax)
}

function tail(files: Files, path: string, lengthMax: number): string {
  const stat = files.stat(path)
  if (stat?.type !== 'file' || stat.sizeBytes === 0) return ''
  const position = Math.max(0, stat.sizeBytes - lengthMax)
  return new TextDecoder().decode(files.readBytes(path, { position, length: lengthMax }))
}
