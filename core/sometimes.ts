import type { SometimesLabel } from './sometimes-labels.ts';

/*
 * A law says what must always hold. That says nothing about code which is never reached: a search that never loses an
 * answer keeps every law about lost answers. So code says of itself, at places that matter, what should sometimes happen,
 * and a search that never saw it has not searched there.
 */

let counts: Map<SometimesLabel, number> | undefined;

/** Takes note that something happened which should sometimes happen. Costs a comparison while nobody collects. */
export function sometimes(label: SometimesLabel): void {
  if (counts) counts.set(label, (counts.get(label) ?? 0) + 1);
}

/** What was seen since somebody began to collect. */
export interface SometimesCollector {
  /** How often each happened; those that did not are not in it. */
  readonly seen: () => ReadonlyMap<SometimesLabel, number>;
  /** Nobody collects any more. */
  readonly stop: () => void;
}

/** Begins to collect, anew: of two that collect in one thread, only the later one sees anything. */
export function collectSometimes(): SometimesCollector {
  const own = new Map<SometimesLabel, number>();
  counts = own;
  return {
    seen: () => own,
    stop: () => {
      if (counts === own) counts = undefined;
    },
  };
}
