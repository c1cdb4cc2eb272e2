import { indexSet, type IndexSet } from './index-set.ts';
import type { Need } from './plan-shape.ts';

/**
 * Those who wait to be admitted, in their order. Where one finds too little, none that needs as much will find enough: so
 * they wait in a line for each need, and a line is left at the first that lacks something. A round costs O(c + k log k)
 * for c that are admitted and k lines that somebody stands in, and 1/1024 of all for what is stepped over.
 */
export interface AdmissionQueue {
  /** Whether this changed anything. */
  set(item: number, waits: boolean): boolean;
  /** Offers each, the first first, until one stops it. */
  offer(take: (item: number) => Answer): void;
}

/** `next`: to the next one. `lacks`: none that needs as much is asked. `stop`: nobody is. */
export type Answer = 'next' | 'lacks' | 'stop';

interface Line {
  /** In order. */
  readonly items: readonly number[];
  readonly waiting: IndexSet;
}

interface Head {
  readonly line: Line;
  readonly place: number;
  readonly item: number;
}

/** An empty queue for items that need this each, in so many places. */
export function admissionQueue(needs: readonly Need[], places: readonly number[] = []): AdmissionQueue {
  const itemsOf = new Map<string, number[]>();
  needs.forEach((need, item) => {
    const key = `${places[item] ?? 1} ${JSON.stringify(need.toSorted(([a], [b]) => a - b))}`;
    const known = itemsOf.get(key);
    if (known) known.push(item);
    else itemsOf.set(key, [item]);
  });
  const lines = [...itemsOf.values()].map((items): Line => ({ items, waiting: indexSet(items.length) }));
  const lineOf = new Uint32Array(needs.length);
  const placeIn = new Uint32Array(needs.length);
  lines.forEach(({ items }, line) =>
    items.forEach((item, place) => {
      lineOf[item] = line;
      placeIn[item] = place;
    }),
  );
  const occupied = indexSet(lines.length);
  return {
    set: (item, waits) => {
      const at = lineOf[item] ?? 0;
      const waiting = lines[at]?.waiting;
      const before = waiting?.size ?? 0;
      if (waits) waiting?.add(placeIn[item] ?? 0);
      else waiting?.delete(placeIn[item] ?? 0);
      const after = waiting?.size ?? 0;
      if (after > 0) occupied.add(at);
      else occupied.delete(at);
      return after !== before;
    },
    offer: (take) => {
      const heads: Head[] = [];
      for (let at = occupied.next(0); at >= 0; at = occupied.next(at + 1)) {
        const head = headOf(lines[at], 0);
        if (head) heads.push(head);
      }
      heads.sort((a, b) => a.item - b.item);
      for (let first = 0; first < heads.length; first += 1) {
        const { line, place, item } = heads[first] as Head;
        const answer = take(item);
        if (answer === 'stop') return;
        const next = answer === 'next' ? headOf(line, place + 1) : undefined;
        if (next) insert(heads, first + 1, next);
      }
    },
  };
}

function headOf(line: Line | undefined, from: number): Head | undefined {
  const place = line?.waiting.next(from) ?? -1;
  const item = line?.items[place];
  return line && item !== undefined ? { line, place, item } : undefined;
}

/** Puts a head where it belongs among those from `from` on. */
function insert(heads: Head[], from: number, head: Head): void {
  let low = from;
  let high = heads.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((heads[middle] as Head).item < head.item) low = middle + 1;
    else high = middle;
  }
  heads.splice(low, 0, head);
}
