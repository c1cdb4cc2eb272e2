import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, bytesPerSecond, GiB, instant, KiB, MiB, millis } from '#core/units';
import { writeLedger } from './write-ledger.ts';

const grain = bytes(64 * KiB);
const model = { rate: bytesPerSecond(MiB), pattern: 'steady' as const, workingSet: bytes(GiB) };
const ledger = () => writeLedger(model, grain, instant(0));
const minute = 60_000;

describe('the write ledger', () => {
  it('counts nearly every write at first, and never more than the working set', () => {
    const writes = ledger();
    expect(writes.dirty(instant(0))).toBe(0);
    expect(writes.dirty(instant(minute)) / (60 * MiB)).toBeCloseTo(0.97, 2);
    expect(writes.dirty(instant(30 * 24 * 60 * minute))).toBe(GiB);
  });

  it('counts whole grains, and never fewer as time goes on', () =>
    fc.assert(
      fc.property(fc.nat(10_000 * minute), fc.nat(10_000 * minute), (a, b) => {
        const writes = ledger();
        const [early, late] = [Math.min(a, b), Math.max(a, b)];
        expect(writes.dirty(instant(early))).toBeLessThanOrEqual(writes.dirty(instant(late)));
        expect(writes.dirty(instant(late)) % grain).toBe(0);
      }),
    ));

  it('begins anew at a mark, and says what was dirty until then', () => {
    const writes = ledger();
    const before = writes.dirty(instant(minute));
    expect(writes.mark(instant(minute))).toBe(before);
    expect(writes.dirty(instant(minute))).toBe(0);
    expect(writes.dirty(instant(2 * minute))).toBe(before);
  });

  it('stands still while the guest does', () => {
    const writes = ledger();
    writes.stop(instant(minute));
    const atRest = writes.dirty(instant(minute));
    expect(writes.dirty(instant(90 * minute))).toBe(atRest);
    writes.start(instant(100 * minute));
    expect(writes.dirty(instant(101 * minute))).toBe(ledger().dirty(instant(2 * minute)));
  });

  it('leaves out the time in which the guest stands still, whatever is asked meanwhile', () => {
    const writes = ledger();
    writes.stun(instant(minute), millis(minute));
    const before = writes.dirty(instant(minute));
    expect(writes.dirty(instant(90_000))).toBe(before);
    expect(writes.dirty(instant(3 * minute))).toBe(ledger().dirty(instant(2 * minute)));
    // Marked in the middle of it, it stands still until it is over.
    writes.stun(instant(3 * minute), millis(minute));
    writes.mark(instant(3.5 * minute));
    expect(writes.dirty(instant(4 * minute))).toBe(0);
    expect(writes.dirty(instant(5 * minute))).toBe(ledger().dirty(instant(minute)));
    // A guest that is off is not started by it.
    writes.stop(instant(5 * minute));
    writes.stun(instant(5 * minute), millis(minute));
    expect(writes.dirty(instant(99 * minute))).toBe(ledger().dirty(instant(minute)));
  });

  it('does not begin twice', () => {
    const writes = ledger();
    writes.start(instant(minute));
    expect(writes.dirty(instant(2 * minute))).toBe(ledger().dirty(instant(2 * minute)));
  });

  it('knows a guest that writes nothing', () =>
    expect(writeLedger({ ...model, workingSet: bytes(0) }, grain, instant(0)).dirty(instant(minute))).toBe(0));
});
