/** Ordinary files in memory: one tree per machine, outliving its processes. */
import { type Files, FilesError, type FileStat } from '../files.ts'
import type { EventLoop, EventOwner } from './event-loop.ts'

type Node =
  | { readonly type: 'file'; content: Uint8Array; mode: number; modifiedMs: number; inode: number }
  | { readonly type: 'directory'; mode: number; modifiedMs: number; inode: number }
  | { readonly type: 'symlink'; readonly target: string; mode: number; modifiedMs: number; inode: number }
  | { readonly type: 'other'; mode: number; modifiedMs: number; inode: number }

export class SimFiles {
  readonly #loop: EventLoop
  readonly #nodes = new Map<string, Node>()
  readonly #watchers = new Set<{ path: string; owner: EventOwner; onChange: () => void }>()
  #inodes = 0

  constructor(loop: EventLoop) {
    this.#loop = loop
  }

  view(owner: EventOwner): Files {
    return {
      readText: (path) => new TextDecoder().decode(this.#file(path).content),
      readBytes: (path, range) => {
        const { content } = this.#file(path)
        return range ? content.slice(range.position, range.position + range.length) : content.slice()
      },
      write: (path, content, options = {}) => this.#write(path, content, options),
      makeDirectory: (path, options = {}) => this.#makeDirectory(path, options.mode ?? 0o755),
      list: (path) => this.#list(path),
      stat: (path) => this.#stat(path),
      exists: (path) => this.#nodes.has(this.#resolve(path)),
      symlink: (target, path) => this.#put(path, { type: 'symlink', target, ...this.#fresh(0o777) }),
      readLink: (path) => {
        const node = this.#nodes.get(path)
        if (node?.type !== 'symlink') throw new FilesError({ code: 'EINVAL', path, attempted: 'read link' })
        return node.target
      },
      link: (existing, path) => this.#put(path, this.#file(existing)),
      rename: (from, to) => this.#rename(from, to),
      remove: (path) => this.#remove(path),
      chmod: (path, mode) => {
        this.#existing(path).mode = mode
      },
      chown: (path) => void this.#existing(path),
      makeFifo: (path) => this.#put(path, { type: 'other', ...this.#fresh(0o600) }),
      watch: (path, onChange) => {
        const watcher = { path, owner, onChange }
        this.#watchers.add(watcher)
        return { close: () => void this.#watchers.delete(watcher) }
      },
    }
  }

  #fresh(mode: number): { mode: number; modifiedMs: number; inode: number } {
    this.#inodes += 1
    return { mode, modifiedMs: Math.floor(this.#loop.nowUs / 1000), inode: this.#inodes }
  }

  /** Follows symbolic links in every part of a path. */
  #resolve(path: string, depth = 0): string {
    if (depth > 16) throw new FilesError({ code: 'ELOOP', path, attempted: 'follow links of' })
    let resolved = ''
    const parts = path.split('/').filter((part) => part !== '')
    for (const [index, part] of parts.entries()) {
      resolved = part === '..' ? resolved.slice(0, resolved.lastIndexOf('/')) : `${resolved}/${part}`
      const node = this.#nodes.get(resolved)
      if (node?.type !== 'symlink') continue
      const base = node.target.startsWith('/')
        ? node.target
        : `${resolved.slice(0, resolved.lastIndexOf('/'))}/${node.target}`
      return this.#resolve([base, ...parts.slice(index + 1)].join('/'), depth + 1)
    }
    return resolved
  }

  #existing(path: string): Node {
    const node = this.#nodes.get(path) ?? this.#nodes.get(this.#resolve(path))
    if (node === undefined) throw new FilesError({ code: 'ENOENT', path, attempted: 'find' })
    return node
  }

  #file(path: string): Node & { type: 'file' } {
    const node = this.#nodes.get(this.#resolve(path))
    if (node?.type !== 'file')
      throw new FilesError({ code: node ? 'EISDIR' : 'ENOENT', path, attempted: 'read' })
    return node
  }

  #write(path: string, content: Uint8Array | string, options: { mode?: number; append?: boolean }): void {
    const target = this.#resolve(path)
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content.slice()
    const previous = this.#nodes.get(target)
    if (options.append && previous?.type === 'file') {
      const joined = new Uint8Array(previous.content.length + bytes.length)
      joined.set(previous.content)
      joined.set(bytes, previous.content.length)
      previous.content = joined
      this.#changed(target)
      return
    }
    this.#put(target, { type: 'file', content: bytes, ...this.#fresh(options.mode ?? 0o644) })
  }

  #put(path: string, node: Node): void {
    const parent = path.slice(0, path.lastIndexOf('/'))
    if (parent !== '' && this.#nodes.get(this.#resolve(parent))?.type !== 'directory') {
      throw new FilesError({ code: 'ENOENT', path, attempted: 'write' })
    }
    this.#nodes.set(path, node)
    this.#changed(path)
  }

  #makeDirectory(path: string, mode: number): void {
    let resolved = ''
    for (const part of path.split('/').filter((piece) => piece !== '')) {
      resolved = `${resolved}/${part}`
      if (!this.#nodes.has(this.#resolve(resolved)))
        this.#nodes.set(resolved, { type: 'directory', ...this.#fresh(mode) })
    }
  }

  #list(path: string): readonly string[] {
    const prefix = `${this.#resolve(path)}/`
    if (this.#nodes.get(prefix.slice(0, -1))?.type !== 'directory') {
      throw new FilesError({ code: 'ENOENT', path, attempted: 'list' })
    }
    const names = [...this.#nodes.keys()].filter(
      (name) => name.startsWith(prefix) && !name.slice(prefix.length).includes('/'),
    )
    return names.map((name) => name.slice(prefix.length)).sort()
  }

  #stat(path: string): FileStat | undefined {
    const node = this.#nodes.get(path) ?? this.#nodes.get(this.#resolve(path))
    if (node === undefined) return undefined
    const sizeBytes = node.type === 'file' ? node.content.length : 0
    return {
      type: node.type,
      sizeBytes,
      mode: node.mode,
      uid: 0,
      gid: 0,
      modifiedMs: node.modifiedMs,
      inode: node.inode,
    }
  }

  #rename(from: string, to: string): void {
    const moved = [...this.#nodes.keys()].filter((path) => path === from || path.startsWith(`${from}/`))
    if (moved.length === 0) throw new FilesError({ code: 'ENOENT', path: from, attempted: `rename to ${to}` })
    for (const path of moved) {
      const node = this.#nodes.get(path)
      this.#nodes.delete(path)
      if (node) this.#nodes.set(to + path.slice(from.length), node)
    }
    this.#changed(from)
    this.#changed(to)
  }

  #remove(path: string): void {
    for (const name of [...this.#nodes.keys()]) {
      if (name === path || name.startsWith(`${path}/`)) this.#nodes.delete(name)
    }
    this.#changed(path)
  }

  #changed(path: string): void {
    for (const watcher of this.#watchers) {
      if (path !== watcher.path && !path.startsWith(`${watcher.path}/`)) continue
      this.#loop.schedule({ delayUs: 0, label: 'file change', owner: watcher.owner, run: watcher.onChange })
    }
  }
}
