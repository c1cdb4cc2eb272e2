import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FoldedFact } from '#core/fleet/fleet-view';
import type { MigrationFact } from '#core/migration/facts';
import { bytes, MiB, millis, round } from '#core/units';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { factsOf, walkedRun } from '#test/support/walked-run';
import { compareRuns, isSameWithin, type Comparison, type Divergence, type Measure } from './compare.ts';
import { traceRun } from './trace.ts';

type Steps = readonly (readonly [afterMs: number, fact: MigrationFact])[];

/** A migration that hands over a replica: `scale` says how slow everything is, `rounds` how many deltas it took. */
const migrated = (vm: string, { scale = 1, rounds = 1 } = {}): Steps => {
  const plan = samplePlan({ handOver: 'replica', vm: { name: vm, platform: 'kvm', guest: 'linux' } });
  const facts: Steps = [
    [0, { type: 'MigrationDrafted', data: { plan } }],
    [5, { type: 'VerificationRequested', data: {} }],
    [40, { type: 'VerificationPassed', data: { checks: [] } }],
    [1, { type: 'ProtectionStarted', data: {} }],
    [9, { type: 'ReplicationInitiated', data: { disks: [] } }],
    [700, done(0)],
    ...Array.from({ length: rounds }, (_, i): readonly (readonly [number, MigrationFact])[] => [
      [100, { type: 'DeadlinePassed', data: { timer: 'refresh' } }],
      [50, done(i + 1)],
    ]).flat(),
    [0, { type: 'CutoverApproved', data: { by: 'grace' } }],
    [0, { type: 'CutoverStarted', data: {} }],
    [50, done(rounds + 1)],
    [0, { type: 'EffectRequested', data: { key: 'k', effect: 'quiesceSource' } }],
    [10, { type: 'SourceQuiesced', data: { method: 'shutdown', found: 'running' } }],
    [30, { type: 'FinalSyncCompleted', data: sampleReport({ round: round(rounds + 2), kind: 'final' }) }],
    [10, { type: 'SourceFenced', data: { proof: 'off' } }],
    [60, { type: 'TargetValidated', data: { checks: [] } }],
  ];
  return facts.map(([afterMs, fact]) => [afterMs * scale, fact] as const);
};
const done = (n: number): MigrationFact => ({
  type: 'RoundCompleted',
  data: sampleReport({
    ...{ round: round(n), kind: n === 0 ? 'full' : 'delta', sent: bytes(MiB), duration: millis(40) },
  }),
});

const compared = async (a: readonly FoldedFact[], b: readonly FoldedFact[], pair?: ReadonlyMap<string, string>) =>
  compareRuns(await traceRun('a', a), await traceRun('b', b), pair ? { pair } : {});

describe('laws of comparing', () => {
  it('a run is the same as itself', () =>
    fc.assert(
      fc.asyncProperty(walkedRun, async (facts) => {
        const comparison = await compared(facts, facts);
        expect(comparison).toMatchObject({ onlyInFirst: [], onlyInSecond: [], divergences: [], differences: [] });
        for (const error of [comparison.error.total, comparison.error.downtime])
          if (error) expect(error).toMatchObject({ meanAbsolute: 0, bias: 0 });
        expect(isSameWithin(comparison, 0)).toBe(true);
      }),
    ));

  it('the other way round changes signs and sides, and nothing else', () =>
    fc.assert(
      fc.asyncProperty(walkedRun, walkedRun, async (a, b) => {
        const [there, back] = [await compared(a, b), await compared(b, a)];
        expect(outline(turned(back))).toEqual(outline(there));
        expect(isSameWithin(back, 0.1)).toBe(isSameWithin(there, 0.1));
      }),
    ));

  it('what the runs differ by is what their phases differ by, as far as phases are told', () =>
    fc.assert(
      fc.asyncProperty(walkedRun, walkedRun, async (a, b) => {
        const { pairs, differences } = await compared(a, b);
        const all = pairs.flatMap(({ phases }) => phases.map(({ duration }) => Math.abs(duration.difference)));
        const listed = differences.map(({ duration }) => Math.abs(duration.difference));
        expect(listed).toEqual(all.filter((difference) => difference > 0).toSorted((x, y) => y - x));
      }),
    ));
});

const swapped = ({ first, second, difference }: Measure) => ({
  first: second,
  second: first,
  // Negating nothing gives another nothing.
  difference: difference === 0 ? 0 : -difference,
});
const turnedName = (vm: string): string => vm.split(' / ').toReversed().join(' / ');
const turnedDivergence = (divergence: Divergence | null) =>
  divergence && { ...divergence, vm: turnedName(divergence.vm), first: divergence.second, second: divergence.first };
const turned = (back: Comparison) => ({
  pairs: back.pairs.map(({ vm, total, downtime, divergence, ...pair }) => ({
    ...pair,
    vm: turnedName(vm),
    total: swapped(total),
    downtime: swapped(downtime),
    divergence: turnedDivergence(divergence),
  })),
  onlyInFirst: back.onlyInSecond,
  onlyInSecond: back.onlyInFirst,
  divergences: back.divergences.map(turnedDivergence),
  differences: back.differences.map(({ vm, kind, duration }) => ({
    vm: turnedName(vm),
    kind,
    duration: swapped(duration),
  })),
});
const without = ({ first, second, difference }: Omit<Measure, 'relative'>) => ({ first, second, difference });
// The last thing both did is told as the first did it: the particulars may be others.
const named = (divergence: Divergence | null) => divergence && { ...divergence, after: divergence.after?.type };
// Pairs stand in the order of the first run, which is another one when the runs change sides.
const outline = (comparison: ReturnType<typeof turned> | Comparison) => ({
  pairs: comparison.pairs
    .map(({ vm, total, downtime, divergence }) => ({
      vm,
      total: without(total),
      downtime: without(downtime),
      divergence: named(divergence),
    }))
    .toSorted((a, b) => (a.vm < b.vm ? -1 : 1)),
  onlyInFirst: comparison.onlyInFirst,
  onlyInSecond: comparison.onlyInSecond,
  divergences: comparison.divergences.map(named),
  differences: comparison.differences.map(({ vm, kind, duration }) => ({ vm, kind, duration: without(duration) })),
});

describe('compareRuns', () => {
  it('finds the first thing that was done otherwise, and does not count how often it went round', async () => {
    const twoRounds = factsOf('web', migrated('web', { rounds: 2 }));
    expect((await compared(factsOf('web', migrated('web')), twoRounds)).divergences).toEqual([]);
    const refused: Steps = [[3, { type: 'QuiesceRefused', data: { reason: { type: 'Busy', detail: 'busy' } } }]];
    const steps = migrated('web');
    const at = steps.findIndex(([, { type }]) => type === 'SourceQuiesced');
    const { divergences } = await compared(
      factsOf('web', steps),
      factsOf('web', [...steps.slice(0, at), ...refused, ...steps.slice(at)]),
    );
    expect(divergences).toMatchObject([
      {
        vm: 'web',
        after: { type: 'CutoverStarted' },
        first: { fact: { type: 'SourceQuiesced' }, offset: 965 },
        second: { fact: { type: 'QuiesceRefused' }, offset: 958 },
      },
    ]);
  });

  it('says of a run that did nothing more that it did nothing more', async () => {
    const steps = migrated('web');
    const { divergences } = await compared(factsOf('web', steps.slice(0, -1)), factsOf('web', steps));
    expect(divergences).toMatchObject([{ after: { type: 'SourceFenced' }, first: null, second: { offset: 1_065 } }]);
  });

  it('tells the error of the first as a forecast of the second', async () => {
    const { error, differences, pairs } = await compared(
      [...factsOf('a', migrated('a', { scale: 3 })), ...factsOf('b', migrated('b'))],
      [...factsOf('a', migrated('a', { scale: 2 })), ...factsOf('b', migrated('b', { scale: 2 }))],
    );
    expect(error).toEqual({
      total: { vms: 2, meanAbsolute: 0.5, bias: 0 },
      downtime: { vms: 2, meanAbsolute: 0.5, bias: 0 },
    });
    expect(differences[0]).toMatchObject({ vm: 'a', kind: 'fullSync', duration: { difference: 700, relative: 0.5 } });
    expect(pairs[0]).toMatchObject({ vm: 'a', downtime: { first: 300, second: 200 } });
  });

  it('pairs by id, then by the name of the VM, then what is alone on both sides', async () => {
    const byName = await compared(
      [...factsOf('m1', migrated('web')), ...factsOf('same', migrated('x'))],
      [...factsOf('same', migrated('web')), ...factsOf('m2', migrated('web'))],
    );
    expect(byName.pairs.map(({ migrations }) => migrations)).toEqual([
      ['m1', 'm2'],
      ['same', 'same'],
    ]);
    const alone = await compared(factsOf('a', migrated('web')), factsOf('b', migrated('laboratory')));
    expect(alone.pairs.map(({ migrations }) => migrations)).toEqual([['a', 'b']]);
    const [two, other] = [
      [...factsOf('a', migrated('a')), ...factsOf('b', migrated('b'))],
      factsOf('c', migrated('c')),
    ];
    expect(await compared(two, other)).toMatchObject({ pairs: [], onlyInFirst: ['a', 'b'], onlyInSecond: ['c'] });
    const wanted = await compared(two, other, new Map([['b', 'c']]));
    expect(wanted).toMatchObject({ pairs: [{ migrations: ['b', 'c'] }], onlyInFirst: ['a'], onlyInSecond: [] });
  });

  it('takes runs as the same only if all of both is, within the tolerance', async () => {
    const [a, b] = [factsOf('a', migrated('a', { scale: 100 })), factsOf('a', migrated('a', { scale: 95 }))];
    expect(isSameWithin(await compared(a, b), 0.05)).toBe(true);
    expect(isSameWithin(await compared(a, b), 0.04)).toBe(false);
    expect(isSameWithin(await compared(a, [...b, ...factsOf('z', migrated('z'))]), 0.05)).toBe(false);
  });
});
