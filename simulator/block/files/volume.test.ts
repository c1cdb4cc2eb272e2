import { describe, expect, it } from 'vitest';
import { millis } from '#core/units';
import { createFile, replaceFile, writeAll } from '#replicator/disk/durable-file';
import type { Files } from '#replicator/disk/files';
import { ownDisk } from '#replicator/disk/owner-lock';
import { simulatedProcess, type SimulatedProcess } from '#simulator/block/process';
import { seededRng } from '#simulator/kernel/seeded-rng';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { filesContract } from '#test/contract/files.contract';
import { valueOf } from '#test/support/value-of';
import { simulatedVolume, type SimulatedVolume, type VolumeOptions } from './volume.ts';

interface World {
  readonly clock: SimulatedClock;
  readonly volume: SimulatedVolume;
  readonly process: SimulatedProcess;
  readonly files: Files;
  readonly notes: string[];
  run<T>(work: () => Promise<T>): Promise<T>;
}

function worldOf(seed: number, options: Partial<VolumeOptions> = {}): World {
  const clock = virtualClock({ turn: () => new Promise((resolve) => setImmediate(resolve)) });
  const notes: string[] = [];
  const volume = simulatedVolume({
    rng: seededRng(seed).fork('volume'),
    clock,
    note: (label, value) => notes.push(`${clock.now()} ${label}: ${value}`),
    ...options,
  });
  const process = simulatedProcess('receiver');
  volume.placeDirectory('/data');
  return { clock, volume, process, files: volume.files(process), notes, run: (work) => clock.run(work()) };
}

filesContract('a simulated volume', async () => {
  const { files, clock } = worldOf(1);
  return { files, folder: '/data', run: (work) => clock.run(work), dispose: async () => undefined };
});

/** What was seen in any of the runs, one per seed. */
async function seenBySeed(
  run: (world: World, seed: number) => Promise<string>,
  count = 60,
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  for (let seed = 0; seed < count; seed += 1) seen.add(await run(worldOf(seed), seed));
  return seen;
}

const bytesOf = (content: string): Uint8Array => Buffer.from(content);
const told = (content: Uint8Array | undefined): string => {
  if (!content) return 'none';
  // One letter per sector, a dot for zeroes.
  return Array.from({ length: Math.ceil(content.length / 512) }, (_, sector) =>
    String.fromCharCode(content[sector * 512] || 46),
  ).join('');
};
const sectors = (letters: string): Uint8Array =>
  Buffer.concat(Array.from(letters, (letter) => Buffer.alloc(512, letter)));

describe('a crash of the machine', () => {
  it('leaves what was synced and whose name was synced', async () => {
    const seen = await seenBySeed(async ({ files, volume, run }) => {
      await run(async () => {
        const file = await files.open('/data/disk', 'create');
        await writeAll(file, sectors('abcd'), 0);
        await file.datasync();
        await files.syncDirectory('/data');
      });
      volume.crash();
      return told(volume.content('/data/disk'));
    });
    expect([...seen]).toEqual(['abcd']);
  });

  it('keeps, loses or tears at sectors what was not synced, each write for itself', async () => {
    const seen = await seenBySeed(async ({ files, volume, run }) => {
      await run(async () => {
        const file = await files.open('/data/disk', 'create');
        await writeAll(file, sectors('aaaa'), 0);
        await file.datasync();
        await files.syncDirectory('/data');
        await writeAll(file, sectors('bb'), 0);
        await writeAll(file, sectors('cc'), 1_024);
      });
      volume.crash();
      return told(volume.content('/data/disk'));
    }, 600);
    expect([...seen].sort()).toEqual([
      'aaaa',
      'aaac',
      'aaca',
      'aacc',
      'abaa',
      'abac',
      'abca',
      'abcc',
      'baaa',
      'baac',
      'baca',
      'bacc',
      'bbaa',
      'bbac',
      'bbca',
      'bbcc',
    ]);
  });

  it('may leave a file longer than what arrived of it, and shorter', async () => {
    const seen = await seenBySeed(async ({ files, volume, run }) => {
      await run(async () => {
        const file = await files.open('/data/disk', 'create');
        await files.syncDirectory('/data');
        await writeAll(file, sectors('ab'), 0);
      });
      volume.crash();
      return told(volume.content('/data/disk'));
    });
    expect([...seen].sort()).toEqual(['', '.b', '..', 'a', 'ab'].sort());
  });

  it('undoes truncations from some one on, and with it what lay behind', async () => {
    const seen = await seenBySeed(async ({ files, volume, run }) => {
      volume.place('/data/disk', sectors('aaaa'));
      await run(async () => {
        const file = await files.open('/data/disk', 'update');
        await file.truncate(1_024);
        await file.truncate(2_048);
        await writeAll(file, sectors('b'), 1_536);
      });
      volume.crash();
      return told(volume.content('/data/disk'));
    });
    expect([...seen].sort()).toEqual(['aa', 'aaaa', 'aa..', 'aa.b'].sort());
  });

  it('may undo names until their directory is synced, in the order they were made', async () => {
    const seen = await seenBySeed(async ({ files, volume, run }) => {
      await run(async () => {
        for (const name of ['a', 'b']) {
          const file = await files.open(`/data/${name}`, 'create');
          await writeAll(file, sectors(name), 0);
          await file.sync();
        }
        await files.syncDirectory('/data');
        await files.rename('/data/a', '/data/b');
        await files.link('/data/b', '/data/c');
      });
      volume.crash();
      return ['a', 'b', 'c'].map((name) => told(volume.content(`/data/${name}`))).join(' ');
    });
    expect([...seen].sort()).toEqual(['a b none', 'none a a', 'none a none']);
  });

  it('leaves a replaced file old or new, and one that was made once whole or not there', async () => {
    const seen = await seenBySeed(async ({ files, volume, clock, run }, seed) => {
      volume.place('/data/old', sectors('o'));
      void replaceFile('/data/old', sectors('n'), files).then(() => createFile('/data/made', sectors('m'), { files }));
      await run(() => clock.wait(millis(seed % 40)));
      volume.crash();
      return `${told(volume.content('/data/old'))} ${told(volume.content('/data/made'))}`;
    }, 200);
    expect([...seen].sort()).toEqual(['n m', 'n none', 'o none']);
  });

  it('ends every process of the machine, and another can be started on it', async () => {
    const { files, volume, process, run } = worldOf(3);
    const lock = await run(() => ownDisk('/data/disk', files));
    expect(lock.ok).toBe(true);
    expect((await run(() => ownDisk('/data/disk', volume.files(simulatedProcess('other'))))).ok).toBe(false);
    volume.crash();
    expect(process.isAlive()).toBe(false);
    const next = simulatedProcess('receiver');
    valueOf(await run(() => ownDisk('/data/disk', volume.files(next))));
  });

  it('is the same for the same seed', async () => {
    const oneRun = async (): Promise<string> => {
      const { files, volume, clock, notes, run } = worldOf(11);
      await run(async () => {
        const file = await files.open('/data/disk', 'create');
        for (let at = 0; at < 20; at += 1) await writeAll(file, sectors('ab'), at * 1_000);
      });
      volume.crash();
      return `${clock.now()} ${notes.join('; ')}`;
    };
    const first = await oneRun();
    expect(first).toMatch(/kept|undid/);
    expect(await oneRun()).toBe(first);
  });
});

describe('a process that is killed', () => {
  it('hears of nothing any more, and leaves what it had written', async () => {
    const { files, volume, process, clock, run } = worldOf(1);
    const file = await run(() => files.open('/data/disk', 'create'));
    await run(() => writeAll(file, sectors('a'), 0));
    let heard = false;
    const hear = (): void => {
      heard = true;
    };
    void writeAll(file, sectors('b'), 512).then(hear, hear);
    process.kill();
    void files.readFile('/data/disk').then(hear, hear);
    void file.sync().then(hear, hear);
    const pages = files.openBlocking('/data/pages');
    expect(pages.write(sectors('a'), 0, 0)).toBe(512);
    await clock.run(clock.wait(millis(1_000)));
    expect(heard).toBe(false);
    expect(told(volume.content('/data/disk'))).toMatch(/^ab?$/);
    expect(volume.content('/data/pages')).toBeUndefined();
  });

  it('had done what was under way, or had not', async () => {
    const seen = await seenBySeed(async ({ files, volume, process, run }) => {
      const file = await run(() => files.open('/data/disk', 'create'));
      void writeAll(file, sectors('a'), 0);
      process.kill();
      return told(volume.content('/data/disk'));
    });
    expect([...seen].sort()).toEqual(['', 'a']);
  });
});

describe('what fails', () => {
  it('is told by the code of the system, until it is healed', async () => {
    const { files, volume, run, notes } = worldOf(1);
    await run(async () => {
      const file = await files.open('/data/disk', 'create');
      for (const [fault, work] of [
        ['write', () => writeAll(file, sectors('a'), 0)],
        ['sync', () => file.datasync()],
        ['read', () => files.readFile('/data/disk')],
      ] as const) {
        const heal = volume.fail(fault, { of: (path) => path === '/data/disk' });
        await expect(work()).rejects.toMatchObject({ code: 'EIO' });
        heal();
        await work();
      }
      const heal = volume.fail('noSpace');
      await expect(files.open('/data/other', 'create')).rejects.toMatchObject({ code: 'ENOSPC' });
      await expect(writeAll(file, sectors('a'), 8_192)).rejects.toMatchObject({ code: 'ENOSPC' });
      await writeAll(file, sectors('b'), 0);
      heal();
      await (await files.open('/data/other', 'create')).close();
    });
    expect(notes.filter((note) => note.includes('machine fails to'))).toHaveLength(5);
  });

  it('of a sync is seen by readers, is not written by the next one, and may be gone after a crash', async () => {
    const seen = await seenBySeed(async ({ files, volume, run }) => {
      volume.place('/data/disk', sectors('a'));
      await run(async () => {
        const file = await files.open('/data/disk', 'update');
        await writeAll(file, sectors('b'), 0);
        const heal = volume.fail('sync');
        await file.datasync().catch(() => undefined);
        heal();
        await file.datasync();
      });
      const before = told(volume.content('/data/disk'));
      volume.crash();
      return `${before} ${told(volume.content('/data/disk'))}`;
    });
    expect([...seen].sort()).toEqual(['b a', 'b b']);
  });

  it('for want of room has written what there was room for', async () => {
    const { files, volume, run } = worldOf(1, { capacity: 5 * 4_096 });
    await run(async () => {
      const file = await files.open('/data/disk', 'create');
      await expect(writeAll(file, new Uint8Array(8 * 4_096).fill(1), 0)).rejects.toMatchObject({ code: 'ENOSPC' });
      expect((await files.stat('/data/disk')).size).toBe(5 * 4_096);
      expect(volume.freeBytes).toBe(0);
      await writeAll(file, bytesOf('over'), 100);
      await file.truncate(4_096);
      expect(volume.freeBytes).toBe(4 * 4_096);
      await file.truncate(1_000_000);
      expect(volume.freeBytes).toBe(4 * 4_096);
      await files.unlink('/data/disk');
      expect(volume.freeBytes).toBe(5 * 4_096);
    });
  });

  it('is slow for a while', async () => {
    const { files, volume, clock, run } = worldOf(1, {
      latency: { call: [millis(1), millis(1)], sync: [millis(5), millis(5)] },
    });
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const start = clock.now();
      await run(work);
      return clock.now() - start;
    };
    const file = await run(() => files.open('/data/disk', 'create'));
    expect(await timed(() => file.sync())).toBe(5);
    const heal = volume.slow(100);
    expect(await timed(() => file.sync())).toBe(500);
    heal();
    expect(await timed(() => files.stat('/data/disk'))).toBe(1);
  });
});
