import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extent, totalLength, type Extent } from '#core/disk/extent';
import { diskId } from '#core/ids';
import { bytes, KiB, MiB, offset, ratio } from '#core/units';
import { memoryDevice } from '#replicator/disk/memory-device';
import { compareDisks } from '#replicator/pipeline/compare-disks';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { valueOf } from '#test/support/value-of';
import { contentDevice } from './content-device.ts';
import { changedBetween, type DiskContent } from './disk-content.ts';
import { proceduralDisk, type ProceduralDisk } from './procedural-disk.ts';
import { sectorLength } from './sector-content.ts';

// Ends within a sector, which itself is not the last of its grain.
const size = bytes(MiB + 3 * 512);
const diskOf = (seed: number): ProceduralDisk => proceduralDisk({ id: diskId('sda'), seed, size });
const allOf = (content: DiskContent): Uint8Array => {
  const into = new Uint8Array(content.size);
  content.read(0, into);
  return into;
};
/** Something done to a disk. */
const deeds = fc.array(
  fc.record({
    deed: fc.constantFrom('write', 'bytes', 'patch', 'trim', 'flush', 'lose', 'grow'),
    first: fc.nat(255),
    count: fc.integer({ min: 1, max: 40 }),
  }),
  { maxLength: 12 },
);
type Deed = { readonly deed: string; readonly first: number; readonly count: number };
function perform(disk: ProceduralDisk, { deed, first, count }: Deed): void {
  const run = Math.min(count, disk.versions.length - first);
  if (deed === 'write') disk.write(first, run);
  else if (deed === 'trim') disk.trim(first, run);
  else if (deed === 'bytes')
    disk.bytes(first, new TextEncoder().encode(`said at ${first}`.repeat(run * 90)).subarray(0, run * sectorLength));
  else if (deed === 'patch') disk.patch(first * sectorLength + count, new TextEncoder().encode(`said at ${count}`));
  else if (deed === 'flush') disk.flush();
  else if (deed === 'lose') disk.lose(seededRng(first));
  else disk.grow(bytes(disk.size + count * 512));
}

describe('a procedural disk', () => {
  it('holds after few bytes are written what it holds when their whole sector is', () => {
    const [patched, whole] = [diskOf(5), diskOf(5)];
    const patches = fc.record({
      sector: fc.nat(20),
      at: fc.nat(sectorLength - 64),
      length: fc.integer({ min: 1, max: 64 }),
    });
    fc.assert(
      // Many to few sectors, so that they lie over each other more often than a disk keeps apart.
      fc.property(
        fc.array(fc.oneof(patches, fc.constantFrom('flush', 'lose')), { minLength: 200, maxLength: 400 }),
        (deeds) => {
          for (const [nth, deed] of deeds.entries()) {
            if (deed === 'flush' || deed === 'lose') {
              for (const disk of [patched, whole]) perform(disk, { deed, first: nth, count: 1 });
              continue;
            }
            const { sector, at, length } = deed;
            const data = new Uint8Array(length).fill(nth);
            const around = new Uint8Array(sectorLength);
            whole.read(sector * sectorLength, around);
            around.set(data, at);
            whole.bytes(sector, around);
            if (!patched.patch(sector * sectorLength + at, data)) patched.bytes(sector, around);
          }
          expect(patched.root()).toBe(whole.root());
          expect(Buffer.compare(allOf(patched), allOf(whole))).toBe(0);
          const [one, other] = [patched.snapshot(), whole.snapshot()];
          expect(Buffer.compare(allOf(one), allOf(other))).toBe(0);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('refuses a patch that is not few bytes of one sector', () => {
    const disk = diskOf(6);
    expect(disk.patch(10, new Uint8Array(65))).toBe(false);
    expect(disk.patch(sectorLength - 10, new Uint8Array(20))).toBe(false);
    expect([...disk.versions].every((version) => version === 0)).toBe(true);
  });

  it('has the root the pipeline computes of what is read from it, and tells its zeroes rightly', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), deeds, async (seed, done) => {
        const disk = diskOf(seed);
        for (const deed of done) {
          perform(disk, deed);
          disk.root(); // Digests that are kept must not outlive what they are of.
        }
        // The one side is read as a disk that tells its zeroes, the other is a plain copy of its bytes.
        const copy = memoryDevice(allOf(disk));
        const compared = valueOf(
          await compareDisks(contentDevice(disk), copy, { sourceName: 'source', targetName: 'copy' }),
        );
        expect(compared).toMatchObject({ equal: true, root: disk.root() });
      }),
      { numRuns: 40 },
    );
  });

  it('is the same for the same seed and writes, and another for another seed', () => {
    const told = [1, 1, 2].map((seed) => {
      const disk = diskOf(seed);
      disk.write(3, 5);
      return disk.root();
    });
    expect(told[0]).toBe(told[1]);
    expect(told[0]).not.toBe(told[2]);
  });

  it('is mostly zeroes before anybody has written', () => {
    const zero = diskOf(7)
      .extents(extent(0, size))
      .filter(({ kind }) => kind === 'zero');
    expect(totalLength(zero)).toBeGreaterThan(size / 2);
    expect(totalLength(zero)).toBeLessThan(size);
  });

  it('has no two blocks of 512 bytes that are alike, wherever and whenever they were written', () => {
    const disk = proceduralDisk({ id: diskId('sda'), seed: 5, size: bytes(256 * KiB), filled: ratio(1, 1) });
    const seen = new Set<string>();
    let blocks = 0;
    for (let version = 0; version < 4; version += 1) {
      const content = allOf(disk);
      for (let at = 0; at < content.length; at += 512, blocks += 1)
        seen.add(Buffer.from(content.subarray(at, at + 512)).toString('base64'));
      disk.write(0, disk.versions.length);
    }
    expect(seen.size).toBe(blocks);
  });

  it('reads the same in parts as in whole', () => {
    const disk = diskOf(3);
    disk.write(0, 20);
    const whole = allOf(disk);
    const part = new Uint8Array(9_000);
    disk.read(5_632, part);
    expect(part).toEqual(whole.slice(5_632, 14_632));
  });

  it('holds bytes as they were written, and zeroes behind them', () => {
    const disk = diskOf(3);
    disk.write(0, 2);
    disk.bytes(0, new TextEncoder().encode('{"boots":true}'));
    const read = allOf(disk).subarray(0, sectorLength);
    expect(new TextDecoder().decode(read.subarray(0, 14))).toBe('{"boots":true}');
    expect(read.subarray(14).every((byte) => byte === 0)).toBe(true);
  });
});

describe('a power loss', () => {
  it('takes nothing that was flushed, and brings back no write that was lost', () => {
    const disk = diskOf(9);
    disk.write(0, 4);
    disk.flush();
    const durable = disk.root();
    const lost = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      disk.write(8, 8);
      const written = disk.versions.slice(8, 16);
      disk.lose(seededRng(round));
      written.forEach((version, at) => {
        if (disk.versions[8 + at] !== version) lost.add(`${8 + at}@${version}`);
      });
      expect([...disk.versions].filter((version, sector) => lost.has(`${sector}@${version}`))).toEqual([]);
      expect(disk.versions.slice(0, 4)).toEqual(diskOf(9).versions.slice(0, 4).fill(1));
    }
    expect(lost.size).toBeGreaterThan(0);
    expect(durable).not.toBe(diskOf(9).root());
  });

  it('keeps, loses and tears', () => {
    const disk = diskOf(9);
    for (let write = 0; write < 60; write += 1) disk.write(write * 4, 4);
    const { kept, lost, torn } = disk.lose(seededRng(1));
    expect(kept + lost + torn).toBe(60);
    expect(Math.min(kept, lost, torn)).toBeGreaterThan(5);
  });
});

describe('a snapshot', () => {
  it('stays what it was, and what changed since is told by whole grains', () => {
    const disk = diskOf(2);
    disk.write(16, 1);
    const before = disk.snapshot();
    const root = before.root();
    const told: Extent[] = [];
    const stop = disk.onWrite((range) => told.push(range));
    disk.write(17, 20);
    stop();
    disk.write(255, 2);
    expect(before.root()).toBe(root);
    expect(disk.root()).not.toBe(root);
    expect(told).toEqual([extent(17 * sectorLength, 20 * sectorLength)]);
    expect(changedBetween(before, disk)).toEqual([extent(64 * KiB, 128 * KiB), extent(960 * KiB, 64 * KiB + 3 * 512)]);
    expect(changedBetween(before, before)).toEqual([]);
  });
});

describe('bytes that were written over', () => {
  const said = (content: DiskContent): string => {
    const into = new Uint8Array(3);
    content.read(4 * sectorLength, into);
    return new TextDecoder().decode(into);
  };
  const say = (disk: ProceduralDisk, text: string): void => disk.bytes(4, new TextEncoder().encode(text));

  it('are in snapshots of before, however often others were made durable since', () => {
    const disk = diskOf(6);
    const snapshots = ['one', 'two', 'six'].map((text) => {
      say(disk, text);
      if (text !== 'two') disk.flush();
      return disk.snapshot();
    });
    say(disk, 'ten');
    disk.flush();
    expect([...snapshots, disk].map(said)).toEqual(['one', 'two', 'six', 'ten']);
  });

  it('come back when power is lost, unless what is over them was made durable', () => {
    const found = new Set<string>();
    for (let chance = 0; chance < 20; chance += 1) {
      const disk = diskOf(6);
      for (const text of ['one', 'two']) {
        say(disk, text);
        disk.flush();
      }
      for (const text of ['six', 'ten']) say(disk, text);
      disk.lose(seededRng(chance));
      found.add(said(disk));
    }
    expect([...found].toSorted()).toEqual(['six', 'ten', 'two']);
  });
});

describe('a device over a content', () => {
  it('says that its way is gone, refuses what a disk refuses, and is never written', async () => {
    let gone: string | undefined;
    const device = contentDevice(diskOf(1), { gone: () => gone });
    const into = new Uint8Array(512);
    expect(await device.read(offset(0), into)).toEqual({ ok: true, value: undefined });
    expect(await device.read(offset(7), into)).toMatchObject({ error: { type: 'InvalidRange' } });
    expect(await device.write(offset(0), into)).toMatchObject({ error: { type: 'ReadOnly' } });
    gone = 'the host is down';
    expect(await device.read(offset(0), into)).toMatchObject({ error: { type: 'ConnectionLost', detail: gone } });
    await device.close();
    expect(await device.read(offset(0), into)).toEqual({ ok: false, error: { type: 'Closed' } });
  });
});
