import type { MigrationTrace } from './trace.ts';

/** Ids of migrations that belong together: those of the first run, and the id in the second. */
export type Pairs = ReadonlyMap<string, string>;

/** Which migrations of two runs belong together. */
export interface PairedUp {
  readonly pairs: readonly (readonly [first: MigrationTrace, second: MigrationTrace])[];
  readonly onlyInFirst: readonly MigrationTrace[];
  readonly onlyInSecond: readonly MigrationTrace[];
}

/**
 * Pairs the migrations of two runs: as `wanted` says, then those of the same id, then those of VMs of the same name. What
 * is left over pairs if it is one on each side and they are the only migrations of their runs. Each is paired once.
 */
export function pairUp(
  first: readonly MigrationTrace[],
  second: readonly MigrationTrace[],
  wanted: Pairs = new Map(),
): PairedUp {
  const partners = new Map<MigrationTrace, MigrationTrace>();
  const taken = new Set<MigrationTrace>();
  const pairBy = (keyOfFirst: Key, keyOfSecond: Key = keyOfFirst): void => {
    const waiting = new Map<string, MigrationTrace[]>();
    for (const b of second) {
      const key = taken.has(b) ? undefined : keyOfSecond(b);
      if (key !== undefined) waiting.set(key, [...(waiting.get(key) ?? []), b]);
    }
    for (const a of first) {
      const key = partners.has(a) ? undefined : keyOfFirst(a);
      const b = key === undefined ? undefined : waiting.get(key)?.shift();
      if (!b) continue;
      partners.set(a, b);
      taken.add(b);
    }
  };
  pairBy(
    ({ id }) => wanted.get(id),
    ({ id }) => id,
  );
  pairBy(({ id }) => id);
  pairBy(({ plan }) => plan?.vm.name);
  if (first.length === 1 && second.length === 1) pairBy(() => 'the only one');
  return {
    pairs: first.flatMap((a) => {
      const b = partners.get(a);
      return b ? [[a, b] as const] : [];
    }),
    onlyInFirst: first.filter((a) => !partners.has(a)),
    onlyInSecond: second.filter((b) => !taken.has(b)),
  };
}

type Key = (migration: MigrationTrace) => string | undefined;
