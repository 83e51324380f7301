/**
 * `mkdir -p`, one level at a time. Node's own `recursive: true` never returns where a parent can be seen but
 * nothing can be made in it with ENOENT as the answer (/proc).
 */
import fs from 'node:fs'
import { dirname } from 'node:path'

/** Creates a directory and its missing parents; nothing happens when it exists. @throws the OS's error */
export function makeDirectories(path: string, mode: number): void {
  const missing: string[] = []
  let at = path
  while (!fs.existsSync(at) && at !== dirname(at)) {
    missing.push(at)
    at = dirname(at)
  }
  for (const directory of missing.reverse()) {
    try {
      fs.mkdirSync(directory, { mode })
    } catch (error) {
      // Somebody else may have made it meanwhile.
      if (!fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory()) throw error
    }
  }
  // A file in its place is an error of the same name as mkdir(2) gives.
  if (missing.length === 0 && !fs.statSync(path).isDirectory()) fs.mkdirSync(path, { mode })
}
