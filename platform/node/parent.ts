/** The child's side of `dieWithParent`: standard input ends when the parent is gone, however it went. */

/** Calls `onGone` once, when the process that spawned this one has ended. */
export function watchParent(onGone: () => void): void {
  let isGone = false
  const once = () => {
    if (isGone) return
    isGone = true
    onGone()
  }
  process.stdin.on('end', once)
  process.stdin.on('close', once)
  process.stdin.on('error', once)
  process.stdin.resume()
  process.stdin.unref?.()
}
