/** What a procedural disk is made of: the length of one sector. */
export const sectorLength = 4_096;

// A sector is eight blocks of 512 bytes. They share a pattern, which is what makes a sector cheap, and each begins with
// words of its own, so that a block in another place, of another version or of another disk is never the same.
const blockWords = 128;
const words = new Uint32Array(sectorLength / 4);
const asBytes = new Uint8Array(words.buffer);

/** Fills `into`, at most a sector, with what version `version` of a sector holds. The same on every machine. */
export function fillSector(into: Uint8Array, seed: number, sector: number, version: number): void {
  const identity = mixed(mixed(mixed(seed, 0x9e3779b1), sector), version);
  let state = identity === 0 ? 1 : identity;
  for (let word = 0; word < blockWords; word += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[word] = state;
  }
  for (let at = blockWords; at < words.length; at *= 2) words.copyWithin(at, 0, at);
  for (let block = 0; block * blockWords < words.length; block += 1) {
    words[block * blockWords] = mixed(identity, block) | 1;
    words[block * blockWords + 1] = version;
  }
  into.set(into.length === sectorLength ? asBytes : asBytes.subarray(0, into.length));
}

/** Two numbers of 32 bits as one, every bit of which depends on all of theirs. */
export function mixed(one: number, other: number): number {
  let h = Math.imul(one ^ Math.imul(other ^ (other >>> 15), 0x2c1b3c6d), 0x297a2d39);
  h ^= h >>> 15;
  h = Math.imul(h, 0x85ebca6b);
  return (h ^ (h >>> 13)) >>> 0;
}
