import fc from 'fast-check';
import { extentEnd, type Extent } from '#core/disk/extent';
import { KiB } from '#core/units';
import type { GuestWrite, SourceWorld } from './source-world.ts';

const sector = 512;
// Small enough to cross the bounds of a grain often, large enough to hold several.
const writeMax = 160 * KiB;

/** Some writes, one after the other, to any of the disks. */
export const guestWrites = (disks: SourceWorld['disks']) =>
  fc.array(
    fc.constantFrom(...disks).chain(({ id, size }) =>
      fc
        .record({
          at: fc.integer({ min: 0, max: size / sector - 1 }),
          length: fc.integer({ min: 1, max: writeMax / sector }),
          fill: fc.integer({ min: 1, max: 255 }),
        })
        .map(({ at, length, fill }) => ({
          disk: id,
          write: { at: at * sector, length: Math.min(length * sector, size - at * sector), fill },
        })),
    ),
    { minLength: 1, maxLength: 8 },
  );

/** Whether a write lies whole in the extents, whose neighbours are merged. */
export const covers =
  ({ at, length }: GuestWrite) =>
  (extents: readonly Extent[]): boolean =>
    extents.some((extent) => extent.start <= at && extentEnd(extent) >= at + length);

/** A guest that does not stop by itself. */
export interface Guest {
  /** Resolves after this many more writes. */
  wrote(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** Writes at random, several writes at a time, until it is stopped. */
export function writeForever(world: SourceWorld): Guest {
  const [seed] = fc.sample(fc.nat(), 1);
  let state = seed ?? 1;
  const draw = (max: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * max);
  };
  let isStopped = false;
  let written = 0;
  let tell = (): void => {};
  const writing = (async (): Promise<void> => {
    while (!isStopped) {
      const disk = world.disks[draw(world.disks.length)];
      if (disk === undefined) throw new Error('a world without disks');
      const { id, size } = disk;
      // Bursts that overlap nothing of themselves: what two writes at once to one place leave is anybody's guess.
      const slots = Math.floor(size / writeMax);
      const first = draw(slots);
      for (let each = 0; each < 4; each += 1) {
        const at = ((first + each) % slots) * writeMax;
        await world.beginWrite(id, { at: at + draw(16) * sector, length: (1 + draw(300)) * sector, fill: draw(256) });
      }
      await world.finishWrites(id);
      written += 4;
      tell();
    }
  })();
  return {
    async wrote(count) {
      const until = written + count;
      while (written < until) await Promise.race([writing, new Promise<void>((resolve) => (tell = resolve))]);
    },
    async stop() {
      isStopped = true;
      await writing;
    },
  };
}
