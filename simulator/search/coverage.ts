import { lifecycleStates } from '#core/migration/lifecycle-states';
import { sometimesLabels, type SometimesLabel } from '#core/sometimes-labels';
import { blockFaultNames, type BlockFaultKind } from '#simulator/block/fault-kinds';

/** A kind of fault that struck a VM in a state of its lifecycle. */
export interface StateFaultPair {
  readonly state: string;
  readonly fault: BlockFaultKind;
}

/** What a search has been to, and where it has never been. */
export interface Coverage {
  /** How many worlds had it, for each pair of a state and a fault that any had. */
  readonly exercised: readonly (StateFaultPair & { readonly worlds: number })[];
  readonly never: readonly StateFaultPair[];
  /** What the code says it sometimes does, with how often it did. */
  readonly seen: readonly { readonly label: SometimesLabel; readonly times: number }[];
  readonly unseen: readonly SometimesLabel[];
}

/** Every pair of a state and a kind of fault. */
export const statesTimesFaults: readonly StateFaultPair[] = lifecycleStates.flatMap((state) =>
  blockFaultNames.map((fault) => ({ state, fault })),
);

const keyOf = ({ state, fault }: StateFaultPair): string => `${state} ${fault}`;

/** What many worlds have been to. */
export interface CoverageTally {
  add(world: {
    readonly exercised: readonly StateFaultPair[];
    readonly sometimes: Readonly<Record<string, number>>;
  }): void;
  coverage(): Coverage;
}

/** Nothing yet. */
export function coverageTally(): CoverageTally {
  const worlds = new Map<string, number>();
  const times = new Map<string, number>();
  return {
    add: ({ exercised, sometimes }) => {
      for (const key of new Set(exercised.map(keyOf))) worlds.set(key, (worlds.get(key) ?? 0) + 1);
      for (const [label, count] of Object.entries(sometimes)) times.set(label, (times.get(label) ?? 0) + count);
    },
    coverage: () => ({
      exercised: statesTimesFaults.flatMap((pair) => {
        const count = worlds.get(keyOf(pair));
        return count === undefined ? [] : [{ ...pair, worlds: count }];
      }),
      never: statesTimesFaults.filter((pair) => !worlds.has(keyOf(pair))),
      seen: sometimesLabels.flatMap((label) => {
        const count = times.get(label);
        return count === undefined ? [] : [{ label, times: count }];
      }),
      unseen: sometimesLabels.filter((label) => !times.has(label)),
    }),
  };
}

/** Pairs by state, as a file or a page has them: each state with the faults that it was, or was not, struck by. */
export function byState(pairs: readonly StateFaultPair[]): Readonly<Record<string, readonly BlockFaultKind[]>> {
  const found: Record<string, BlockFaultKind[]> = {};
  for (const { state, fault } of pairs) (found[state] ??= []).push(fault);
  return found;
}

/** What of a coverage has been lost since a list of what was never exercised was kept: pairs and labels that are not in it. */
export function grown(
  kept: { readonly never: Readonly<Record<string, readonly string[]>>; readonly unseen: readonly string[] },
  now: Pick<Coverage, 'never' | 'unseen'>,
): readonly string[] {
  return [
    ...now.never.filter(({ state, fault }) => !kept.never[state]?.includes(fault)).map(keyOf),
    ...now.unseen.filter((label) => !kept.unseen.includes(label)),
  ];
}
