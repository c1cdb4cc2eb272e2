import { describe, expect, it } from 'vitest';
import { bytes, GiB, KiB, MiB, instant } from '#core/units';
import { written } from '#simulator/estate/write-model';
import { writeLedger } from '#simulator/flow/write-ledger';
import { fittedWrites } from './fitted-writes.ts';

/** What a guest of this rate and set leaves dirty after so many seconds each. */
const seen = (rate: number, workingSet: number, seconds: readonly number[]) =>
  seconds.map((each) => {
    const model = { rate: bytes(rate) as never, pattern: 'steady' as const, workingSet: bytes(workingSet) };
    expect(written(model, instant(0), instant(each * 1_000))).toBeCloseTo(rate * each, -1);
    const ledger = writeLedger(model, bytes(64 * KiB), instant(0));
    return { after: each * 1_000, dirty: ledger.dirty(instant(each * 1_000)) };
  });

describe('a write model from rounds', () => {
  it('finds the rate and the set of a guest that was seen long and short', () => {
    const fitted = fittedWrites(seen(36 * MiB, 30 * GiB, [3_000, 900, 400, 200, 120]), bytes(160 * GiB));
    expect((fitted?.model.rate ?? 0) / (36 * MiB)).toBeCloseTo(1, 1);
    expect((fitted?.model.workingSet ?? 0) / (30 * GiB)).toBeCloseTo(1, 0);
  });

  it('takes the largest set where one figure fits any, and what is written to grow with time', () => {
    const fitted = fittedWrites(seen(MiB, 20 * GiB, [60]), bytes(10 * GiB));
    expect(fitted?.model.workingSet).toBe(10 * GiB);
    expect((fitted?.model.rate ?? 0) / MiB).toBeCloseTo(1, 1);
  });

  it('says of a guest that wrote nothing that it writes nothing', () =>
    expect(fittedWrites([{ after: 60_000, dirty: 0 }], bytes(GiB))?.model).toMatchObject({ rate: 0, workingSet: 0 }));

  it('is as unsure as the rounds differ, and never quite sure', () => {
    const even = fittedWrites(seen(MiB, 20 * GiB, [60, 60, 60]), bytes(10 * GiB));
    expect(even).toMatchObject({ low: 0.9, high: 1.1 });
    const uneven = [...seen(MiB, 20 * GiB, [60]), ...seen(3 * MiB, 20 * GiB, [60])];
    expect(fittedWrites(uneven, bytes(10 * GiB))?.high).toBeGreaterThan(1.4);
  });

  it('knows nothing from no rounds', () => expect(fittedWrites([], bytes(GiB))).toBeUndefined());
});
