/** IPv4 ranges for Service addresses: `10.96.0.0/16`. Pure. */
export interface IpRange {
  readonly cidr: string
  /** Network address as an unsigned 32-bit number. */
  readonly base: number
  readonly size: number
}

/** @throws RangeError on a text that is no IPv4 range */
export function parseIpRange(cidr: string): IpRange {
  const [address = '', bits = ''] = cidr.split('/')
  const prefix = /^\d{1,2}$/.test(bits) ? Number(bits) : -1
  const value = parseIpv4(address)
  if (value === undefined || prefix < 8 || prefix > 30)
    throw new RangeError(`service CIDR ${cidr} is no IPv4 range of /8 to /30 such as 10.96.0.0/16`)
  const size = 2 ** (32 - prefix)
  return { cidr, base: value - (value % size), size }
}

/** The number of a dotted address, or undefined. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0)
}

/** The dotted text of an address. */
export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
}

/** Usable for Services: neither the network nor the broadcast address. */
export function isAllocatable(range: IpRange, address: number): boolean {
  return address > range.base && address < range.base + range.size - 1
}

/** The range's first address: Service `kubernetes`. */
export function firstAddress(range: IpRange): string {
  return formatIpv4(range.base + 1)
}

/**
 * Addresses below this offset are left for Services that ask for theirs: min(max(16, size/16), 256), as in
 * KEP-3070.
 */
export function staticOffset(range: IpRange): number {
  return Math.min(Math.max(16, Math.floor(range.size / 16)), 256)
}
