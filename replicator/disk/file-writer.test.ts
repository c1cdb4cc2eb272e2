import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KiB, MiB } from '#core/units';
import { fileWriter } from './file-writer.ts';
import { nodeFiles } from './node-files.ts';

describe('a file writer', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sealift-'));
    path = join(folder, 'disk.raw');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = fc.record({ at: fc.nat(200), data: fc.uint8Array({ minLength: 1, maxLength: 60 }) });

  it('applies writes made at once in the order they were made, neighbours and overlaps alike', () =>
    fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 12 }), async (writes) => {
        const file = await nodeFiles.open(path, 'replace');
        const put = fileWriter(file);
        const outcomes = await Promise.all(writes.map(({ at, data }) => put(at, data)));
        await file.close();
        expect(outcomes.every(({ ok }) => ok)).toBe(true);
        const end = Math.max(0, ...writes.map(({ at, data }) => at + data.length));
        const expected = new Uint8Array(end);
        for (const { at, data } of writes) expected.set(data, at);
        expect(new Uint8Array(readFileSync(path))).toEqual(expected);
      }),
    ));

  it('writes neighbours that are more than one call takes', async () => {
    const file = await nodeFiles.open(path, 'replace');
    const put = fileWriter(file);
    const parts = [1, 2, 3, 4, 5].map((value) => new Uint8Array(0.4 * MiB).fill(value));
    await Promise.all(parts.map((part, index) => put(index * part.length, part)));
    await file.close();
    expect(Buffer.concat(parts).equals(readFileSync(path))).toBe(true);
  });

  it('tells every write of a call that failed which bytes it was about', async () => {
    const file = await nodeFiles.open('/dev/full', 'replace');
    const put = fileWriter(file);
    const outcomes = await Promise.all([put(0, new Uint8Array(10)), put(10, new Uint8Array(10))]);
    await file.close();
    for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, error: { type: 'NoSpace' } });
  });

  it('does not take a write that the system cut short for whole', async () => {
    const file = await nodeFiles.open(path, 'replace');
    // As a system does that has room, or patience, for so much only.
    const put = fileWriter({
      write: ([first = new Uint8Array(0)], at, done) => file.write([first.subarray(0, 1_000)], at, done),
    });
    const parts = [1, 2, 3].map((value) => new Uint8Array(10 * KiB).fill(value));
    await Promise.all(parts.map((part, index) => put(index * part.length, part)));
    await file.close();
    expect(Buffer.concat(parts).equals(readFileSync(path))).toBe(true);
  });
});
