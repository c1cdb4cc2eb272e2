/** A set of small natural numbers that is walked in order. */
export interface IndexSet {
  readonly size: number;
  add(index: number): void;
  delete(index: number): void;
  /** The smallest member that is at least `from`; -1 if there is none. */
  next(from: number): number;
}

/*
 * Bits in words, and one bit above for each word that has any: a step over 1,024 numbers that are not there costs one
 * look. Adding and removing cost the same whatever is in it.
 */

const wordBits = 32;

/** An empty set for numbers below `capacity`. */
export function indexSet(capacity: number): IndexSet {
  const words = new Uint32Array(Math.ceil(capacity / wordBits));
  const full = new Uint32Array(Math.ceil(words.length / wordBits));
  let size = 0;
  const nextBit = (of: Uint32Array, from: number): number => {
    for (let word = from >>> 5; word < of.length; word += 1) {
      const left = (of[word] ?? 0) & (word === from >>> 5 ? -1 << (from & 31) : -1);
      if (left !== 0) return word * wordBits + (31 - Math.clz32(left & -left));
    }
    return -1;
  };
  return {
    get size() {
      return size;
    },
    add: (index) => {
      const word = index >>> 5;
      const before = words[word] ?? 0;
      const bit = 1 << (index & 31);
      if (before & bit) return;
      words[word] = before | bit;
      full[word >>> 5] = (full[word >>> 5] ?? 0) | (1 << (word & 31));
      size += 1;
    },
    delete: (index) => {
      const word = index >>> 5;
      const before = words[word] ?? 0;
      const bit = 1 << (index & 31);
      if (!(before & bit)) return;
      words[word] = before & ~bit;
      if (words[word] === 0) full[word >>> 5] = (full[word >>> 5] ?? 0) & ~(1 << (word & 31));
      size -= 1;
    },
    next: (from) => {
      const word = from >>> 5;
      const left = from < capacity ? (words[word] ?? 0) & (-1 << (from & 31)) : 0;
      if (left !== 0) return word * wordBits + (31 - Math.clz32(left & -left));
      const further = nextBit(full, word + 1);
      return further < 0 ? -1 : nextBit(words, further * wordBits);
    },
  };
}

const nobody: readonly number[] = [];

/** The members in order, at most `limit` of them. */
export function firstOf(set: IndexSet, limit = Infinity): readonly number[] {
  // A planner asks this of half a dozen sets after every change, and most are empty.
  if (set.size === 0) return nobody;
  const found: number[] = [];
  for (let index = set.next(0); index >= 0 && found.length < limit; index = set.next(index + 1)) found.push(index);
  return found;
}
