import { describe, expect, it } from 'vitest';
import { KiB } from '#core/units';
import { bufferPool } from './buffer-pool.ts';

const full = 256 * KiB + 100;

describe('a pool of buffers', () => {
  it('gives what is long enough, and no more than it may at once', () => {
    const pool = bufferPool(full, 2);
    const [small, large] = [pool.take(64 * KiB + 100), pool.take(full)];
    expect(small?.length).toBeGreaterThanOrEqual(64 * KiB + 100);
    expect(small?.length).toBeLessThan(full);
    expect(large?.length).toBe(full);
    expect(pool.take(1)).toBeUndefined();
  });

  it('uses again what is long enough', () => {
    const pool = bufferPool(full, 2);
    const buffer = pool.take(full);
    if (buffer) pool.give(buffer);
    expect(pool.take(100)).toBe(buffer);
  });

  it('has a short one make room for a long one, so that there are never more than it may make', () => {
    const pool = bufferPool(full, 2);
    const [short, other] = [pool.take(100), pool.take(100)];
    if (short) pool.give(short);
    const long = pool.take(full);
    expect(long?.length).toBe(full);
    expect(pool.take(1)).toBeUndefined();
    if (other) pool.give(other);
    if (long) pool.give(long);
    // Compared by what they are: comparing what is in them takes long.
    expect([pool.take(full) === long, pool.take(1) === other]).toEqual([true, true]);
    expect(pool.take(1)).toBeUndefined();
  });

  it('takes back only what is out of it', () => {
    const pool = bufferPool(full, 1);
    pool.give(Buffer.alloc(full));
    const own = pool.take(full);
    if (own) {
      pool.give(own);
      pool.give(own);
    }
    expect(pool.take(full)).toBe(own);
    expect(pool.take(full)).toBeUndefined();
  });

  it('leaves its buffers to those that come after it, with what was out when it was closed', () => {
    const before = bufferPool(full, 2);
    const [returned, out] = [before.take(full), before.take(full)];
    if (returned) before.give(returned);
    before.close();
    const next = bufferPool(full, 3);
    const first = next.take(full);
    const second = next.take(full);
    expect([first === returned, second === out]).toEqual([true, false]);
    if (out) before.give(out);
    expect(next.take(full) === out).toBe(true);
  });

  it('gives none that was left and is much longer than what is needed', () => {
    const before = bufferPool(full, 1);
    const long = before.take(full);
    if (long) before.give(long);
    before.close();
    const next = bufferPool(full, 2);
    expect(next.take(100) === long).toBe(false);
    expect(next.take(full) === long).toBe(true);
  });
});
