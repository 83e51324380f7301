/**
 * The part of volumes that touches the machine: directories, tmpfs mounts and files that containers
 * see. What goes into them is computed above, purely. The fake host keeps nothing.
 */

/** A file of a volume, its path relative to the volume. */
export interface VolumeFile {
  readonly path: string
  readonly content: Uint8Array
  readonly mode: number
}

export interface VolumeHost {
  /** A directory of the pod for a volume; made when missing. Gives its host path. */
  prepareDirectory(options: {
    readonly podUid: string
    readonly volume: string
    readonly medium: 'disk' | 'memory'
    readonly sizeLimitBytes: number | undefined
    readonly fsGroup: number | undefined
  }): Promise<string>
  /**
   * Makes the volume's content exactly these files, in one step as seen by a reader
   * (`..data` is swapped). Gives the host path.
   */
  writeFiles(options: {
    readonly podUid: string
    readonly volume: string
    readonly files: readonly VolumeFile[]
    readonly fsGroup: number | undefined
  }): Promise<string>
  /** The host path of a volume that was made before, or undefined. */
  find(podUid: string, volume: string): Promise<string | undefined>
  /** Checks or makes a host path by Kubernetes' HostPathType. @throws Error fit for an event */
  checkHostPath(path: string, type: string): Promise<void>
  /** The host path of `subPath` in a volume's directory, made when missing; never outside of it. @throws Error */
  resolveSubPath(volumePath: string, subPath: string): Promise<string>
  /** A single file of the pod (its /etc/hosts, resolv.conf). Gives its host path. */
  writePodFile(podUid: string, name: string, content: string): Promise<string>
  /** Unmounts and removes all of the pod. Idempotent. */
  removePod(podUid: string): Promise<void>
  /** Pods that have volumes here. */
  listPods(): Promise<readonly string[]>
}
