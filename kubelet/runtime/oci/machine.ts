/** What the machine has and how much of it is free, from /proc and a few files. */
import { statfsSync } from 'node:fs'
import { arch, availableParallelism } from 'node:os'
import type { Files } from '../../../platform/files.ts'
import type { Processes } from '../../../platform/processes.ts'
import type { MachineFacts, MachineUsage } from '../../node-host.ts'

type MachinePowers = { readonly files: Files; readonly processes: Processes }

/** Node's architecture names as images have them. */
const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  s390x: 's390x',
  ppc64: 'ppc64le',
}

/** `amd64`, `arm64` of this machine. */
export function machineArchitecture(): string {
  return architectures[arch()] ?? arch()
}

export async function machineFacts({ files }: MachinePowers, directory: string): Promise<MachineFacts> {
  const read = (path: string) => (files.exists(path) ? files.readText(path).trim() : '')
  const disk = statfsSync(directory)
  const [, osImage = 'Linux'] = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(read('/etc/os-release')) ?? []
  return {
    cpuMillis: availableParallelism() * 1000,
    memoryBytes: memory(read('/proc/meminfo'), 'MemTotal'),
    ephemeralStorageBytes: disk.blocks * disk.bsize,
    architecture: machineArchitecture(),
    operatingSystem: 'linux',
    kernelVersion: read('/proc/sys/kernel/osrelease'),
    osImage,
    machineId: read('/etc/machine-id'),
    bootId: read('/proc/sys/kernel/random/boot_id'),
    systemUuid: read('/sys/class/dmi/id/product_uuid'),
  }
}

export async function machineUsage({ files }: MachinePowers, directory: string): Promise<MachineUsage> {
  const disk = statfsSync(directory)
  const [, processes = '0'] = /\/(\d+) /.exec(files.readText('/proc/loadavg')) ?? []
  return {
    memoryAvailableBytes: memory(files.readText('/proc/meminfo'), 'MemAvailable'),
    diskAvailableBytes: disk.bavail * disk.bsize,
    diskCapacityBytes: disk.blocks * disk.bsize,
    processesAvailable: Number(files.readText('/proc/sys/kernel/pid_max')) - Number(processes),
  }
}

function memory(text: string, name: string): number {
  const [, kibibytes = '0'] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text) ?? []
  return Number(kibibytes) * 1024
}
