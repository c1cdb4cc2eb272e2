import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiskId } from '#core/ids';
import { disksNamed, type ChangeMark, type SourceHypervisor } from '#core/ports/source-hypervisor';
import { KiB } from '#core/units';
import { covers, guestWrites, writeForever } from '#test/support/guest-writes';
import { changed, changedAt, copyDisk, firstDifference } from '#test/support/read-source';
import type { SourceWorld } from '#test/support/source-world';
import { valueOf } from '#test/support/value-of';

/** What every SourceHypervisor promises. The next vendor earns its place by passing this file unchanged. */
export function sourceHypervisorContract(name: string, start: (owner: string) => Promise<SourceWorld>): void {
  describe(`SourceHypervisor contract: ${name}`, () => {
    let world: SourceWorld;
    let source: SourceHypervisor;
    beforeEach(async () => {
      world = await start('migration-7');
      source = world.connect();
    });
    afterEach(async () => {
      await source.close();
      await world.dispose();
    });
    const mark = (number: number): ChangeMark => ({ owner: world.owner, number });
    const firstDisk = (): { readonly id: DiskId; readonly size: number } => {
      const [disk] = world.disks;
      if (disk === undefined) throw new Error('a world without disks');
      return disk;
    };

    describe('what it tells', () => {
      it('names the disks with their sizes, and what the guest does', async () => {
        const inventory = valueOf(await source.inspect());
        expect(valueOf(disksNamed(inventory)).map(({ id, size }) => ({ id, size }))).toEqual(world.disks);
        expect(inventory.power).toBe('running');
        expect(inventory.hypervisor).toMatch(/\d/);
      });

      it('tells of a disk that was added, removed or resized', async () => {
        const { id } = firstDisk();
        await world.resize(id, 16 * 1024 * KiB);
        const added = await world.addDisk();
        const disks = valueOf(disksNamed(valueOf(await source.inspect())));
        expect(disks.find((disk) => disk.id === id)?.size).toBe(16 * 1024 * KiB);
        expect(disks.map((disk) => disk.id)).toContain(added);
        await world.removeDisk(added);
        expect(valueOf(disksNamed(valueOf(await source.inspect()))).map((disk) => disk.id)).not.toContain(added);
      });
    });

    describe('marks', () => {
      it('hold every write from the moment they were begun', async () => {
        let next = 0;
        await fc.assert(
          fc.asyncProperty(guestWrites(world.disks), async (writes) => {
            const [from, to] = [mark(next), mark(next + 1)];
            next += 2; // Each run has marks of its own, so that one which fails leaves nothing to the next.
            valueOf(await source.beginMark(from));
            for (const { disk, write } of writes) await world.write(disk, write);
            valueOf(await source.advanceMark(from, to));
            for (const { disk, write } of writes)
              expect(await changed(source, disk, from), JSON.stringify(write)).toSatisfy(covers(write));
            valueOf(await source.release(world.owner));
          }),
          { numRuns: 10 },
        );
      });

      it('say how much they hold, disk by disk', async () => {
        valueOf(await source.beginMark(mark(0)));
        const before = valueOf(await source.changes(mark(0)));
        expect(before).toEqual(world.disks.map(({ id }) => ({ disk: id, dirty: 0 })));
        const { id, size } = firstDisk();
        await world.write(id, { at: 0, length: 512, fill: 1 });
        const [after] = valueOf(await source.changes(mark(0)));
        expect(after?.dirty).toBeGreaterThanOrEqual(512);
        expect(after?.dirty).toBeLessThan(size);
      });

      it('are frozen by the next one: what is written later is in that', async () => {
        const { id } = firstDisk();
        valueOf(await source.beginMark(mark(0)));
        valueOf(await source.advanceMark(mark(0), mark(1)));
        await world.write(id, { at: 0, length: 512, fill: 1 });
        expect(await changed(source, id, mark(0))).toEqual([]);
        valueOf(await source.advanceMark(mark(1), mark(2)));
        expect(await changed(source, id, mark(1))).toSatisfy(covers({ at: 0, length: 512, fill: 1 }));
      });

      it('can be read again after a round that failed', async () => {
        const { id } = firstDisk();
        valueOf(await source.beginMark(mark(0)));
        await world.write(id, { at: 4096, length: 512, fill: 1 });
        valueOf(await source.advanceMark(mark(0), mark(1)));
        const once = await changed(source, id, mark(0));
        valueOf(await source.closeDisks());
        expect(await changed(source, id, mark(0))).toEqual(once);
      });

      it('are not read while they record', async () => {
        valueOf(await source.beginMark(mark(0)));
        expect(await source.openDisk(firstDisk().id, mark(0))).toMatchObject({ error: { type: 'Refused' } });
      });

      it('are numbered forward only', async () => {
        valueOf(await source.beginMark(mark(1)));
        expect(await source.advanceMark(mark(1), mark(0))).toMatchObject({ error: { type: 'Refused' } });
        expect(await source.advanceMark(mark(1), mark(1))).toMatchObject({ error: { type: 'Refused' } });
      });
    });

    describe('rounds', () => {
      it('end with a copy that equals the disk, while the guest writes without pause', async () => {
        const guest = writeForever(world);
        const copies = new Map(world.disks.map(({ id, size }) => [id, new Uint8Array(size)]));
        const copy = async (since?: ChangeMark): Promise<void> => {
          for (const { id } of world.disks) await copyDisk(source, id, copies, { since });
          valueOf(await source.closeDisks());
        };
        valueOf(await source.beginMark(mark(0)));
        await guest.wrote(20);
        await copy();
        const last = 5;
        for (let round = 1; round < last; round += 1) {
          await guest.wrote(20);
          valueOf(await source.advanceMark(mark(round - 1), mark(round)));
          await copy(mark(round - 1));
          valueOf(await source.dropMark(mark(round - 1)));
        }
        await guest.stop();
        valueOf(await source.pause());
        valueOf(await source.advanceMark(mark(last - 1), mark(last)));
        await copy(mark(last - 1));
        for (const { id } of world.disks) {
          const difference = firstDifference(await world.content(id), copies.get(id) ?? new Uint8Array());
          expect(difference, `disk ${id} differs at byte`).toBeUndefined();
        }
      });
    });

    describe('every call may be repeated', () => {
      it('by the same process or by the next one', async () => {
        const { id } = firstDisk();
        const thrice = async <T>(call: (by: SourceHypervisor) => Promise<T>): Promise<readonly [T, T, T]> => {
          const first = await call(source);
          await source.close();
          source = world.connect();
          return [first, await call(source), await call(source)];
        };
        const done = { ok: true, value: undefined };
        expect(await thrice((by) => by.beginMark(mark(0)))).toEqual([done, done, done]);
        await world.write(id, { at: 0, length: 512, fill: 1 });
        expect(await thrice((by) => by.advanceMark(mark(0), mark(1)))).toEqual([done, done, done]);
        const [opened, ...again] = await thrice((by) => by.openDisk(id, mark(0)));
        expect(again).toEqual([opened, opened]);
        expect(await changedAt(valueOf(opened))).toSatisfy(covers({ at: 0, length: 512, fill: 1 }));
        expect(await thrice((by) => by.pause())).toEqual([done, done, done]);
        expect(await thrice((by) => by.resume())).toEqual([done, done, done]);
        expect(await thrice((by) => by.closeDisks())).toEqual([done, done, done]);
        expect(await thrice((by) => by.dropMark(mark(0)))).toEqual([done, done, done]);
        expect(await thrice((by) => by.release(world.owner))).toEqual([done, done, done]);
        expect(await world.traces()).toEqual([]);
      });
    });

    describe('lost tracking never yields a delta', () => {
      const lost = { ok: false, error: { type: 'TrackingLost' } };
      /** Every use of a mark, on a disk that is still there. */
      const uses = async (number: number) => [
        await source.changes(mark(number)),
        await source.advanceMark(mark(number), mark(number + 1)),
        await source.openDisk(firstDisk().id, mark(number)),
      ];

      it('after the hypervisor restarted', async () => {
        valueOf(await source.beginMark(mark(0)));
        await source.close();
        await world.restart();
        source = world.connect();
        expect(await uses(0)).toMatchObject([lost, lost, lost]);
        valueOf(await source.beginMark(mark(1)));
      });

      it('of a mark nobody began', async () => {
        expect(await uses(3)).toMatchObject([lost, lost, lost]);
      });

      it('after a disk was resized', async () => {
        const { id, size } = firstDisk();
        valueOf(await source.beginMark(mark(0)));
        await world.resize(id, 2 * size);
        expect(await uses(0)).toMatchObject([lost, lost, lost]);
      });

      it('after a disk was added', async () => {
        valueOf(await source.beginMark(mark(0)));
        await world.addDisk();
        expect(await uses(0)).toMatchObject([lost, lost, lost]);
      });

      it('after a disk was removed', async () => {
        const gone = world.disks.at(-1)?.id;
        if (gone === undefined) throw new Error('a world without disks');
        valueOf(await source.beginMark(mark(0)));
        await world.removeDisk(gone);
        expect(await uses(0)).toMatchObject([lost, lost, lost]);
      });
    });

    describe('the guest', () => {
      it('stands still between pause and resume, and whatever else is called', async () => {
        const { id } = firstDisk();
        const power = async () => valueOf(await source.inspect()).power;
        const everythingElse = async (number: number): Promise<void> => {
          valueOf(await source.beginMark(mark(number)));
          valueOf(await source.advanceMark(mark(number), mark(number + 1)));
          valueOf(await source.openDisk(id, mark(number)));
          valueOf(await source.closeDisks());
          valueOf(await source.release(world.owner));
        };
        await everythingElse(0);
        expect(await power()).toBe('running');
        valueOf(await source.pause());
        await everythingElse(10);
        expect(await power()).toBe('paused');
        valueOf(await source.resume());
        expect(await power()).toBe('running');
      });
    });

    describe('what it leaves', () => {
      it('is nothing of its own and everything of others', async () => {
        await world.plantForeign();
        const before = await world.traces();
        expect(before.length).toBeGreaterThan(1);
        valueOf(await source.beginMark(mark(0)));
        valueOf(await source.advanceMark(mark(0), mark(1)));
        for (const { id } of world.disks) {
          valueOf(await source.openDisk(id));
          valueOf(await source.openDisk(id, mark(0)));
        }
        expect((await world.traces()).length).toBeGreaterThan(before.length);
        valueOf(await source.release(world.owner));
        expect(await world.traces()).toEqual(before);
      });

      it('goes when one mark is dropped, and only that', async () => {
        valueOf(await source.beginMark(mark(0)));
        valueOf(await source.advanceMark(mark(0), mark(1)));
        valueOf(await source.openDisk(firstDisk().id, mark(0)));
        valueOf(await source.dropMark(mark(0)));
        expect(await source.changes(mark(0))).toMatchObject({ error: { type: 'TrackingLost' } });
        valueOf(await source.changes(mark(1)));
      });
    });

    describe('errors', () => {
      it('say which disk there is not', async () => {
        const missing = 'no-such-disk' as DiskId;
        expect(await source.openDisk(missing)).toEqual({ ok: false, error: { type: 'DiskNotFound', disk: missing } });
      });

      it('say that the hypervisor cannot be reached, and the next call tries again', async () => {
        valueOf(await source.inspect());
        await world.kill();
        expect(await source.inspect()).toMatchObject({ error: { type: 'Unreachable', operation: 'inspect' } });
        expect(await source.beginMark(mark(0))).toMatchObject({
          error: { type: 'Unreachable', operation: 'beginMark' },
        });
        await world.restart();
        expect(valueOf(await source.inspect()).power).toBe('running');
      });

      it('refuse an owner that cannot be told from others', async () => {
        expect(await source.beginMark({ owner: 'a b', number: 0 })).toMatchObject({ error: { type: 'Refused' } });
        expect(await source.beginMark({ owner: 'a', number: -1 })).toMatchObject({ error: { type: 'Refused' } });
      });
    });
  });
}
