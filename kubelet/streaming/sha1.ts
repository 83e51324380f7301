/**
 * SHA-1 (FIPS 180-4), for the one place that still demands it: WebSocket's handshake (RFC 6455, 1.3), where
 * it proves nothing but that both sides speak WebSocket.
 */
export function sha1(message: Uint8Array): Uint8Array {
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]
  const padded = pad(message)
  const view = new DataView(padded.buffer)
  for (let at = 0; at < padded.length; at += 64) addBlock(state, view, at)
  const result = new Uint8Array(20)
  const out = new DataView(result.buffer)
  for (const [index, word] of state.entries()) out.setUint32(index * 4, word)
  return result
}

function pad(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64)
  padded.set(message)
  padded[message.length] = 0x80
  new DataView(padded.buffer).setUint32(padded.length - 4, message.length * 8)
  return padded
}

function rotate(word: number, bits: number): number {
  return ((word << bits) | (word >>> (32 - bits))) >>> 0
}

function addBlock(state: number[], view: DataView, at: number): void {
  const words = Array.from({ length: 16 }, (_, index) => view.getUint32(at + index * 4))
  for (let index = 16; index < 80; index += 1) {
    const [a = 0, b = 0, c = 0, d = 0] = [
      words[index - 3],
      words[index - 8],
      words[index - 14],
      words[index - 16],
    ]
    words.push(rotate((a ^ b ^ c ^ d) >>> 0, 1))
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0] = state
  for (const [index, word] of words.entries()) {
    const round = Math.floor(index / 20)
    const mixed = round === 0 ? (b & c) | (~b & d) : round === 2 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d
    const constant = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6][round] ?? 0
    const next = (rotate(a, 5) + (mixed >>> 0) + e + constant + word) >>> 0
    ;[e, d, c, b, a] = [d, c, rotate(b, 30), a, next]
  }
  for (const [index, word] of [a, b, c, d, e].entries()) state[index] = ((state[index] ?? 0) + word) >>> 0
}
