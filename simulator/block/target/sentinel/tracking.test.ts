import { describe, expect, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { diskId } from '#core/ids';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { ok, type Result } from '#core/result';
import { bytesPerSecond, instant, KiB, millis, minutes, seconds } from '#core/units';
import { openDisks } from '#replicator/sentinel/data-connection/open-disks';
import { plainMemory } from '#replicator/sentinel/disks/aligned-memory';
import { readPace, type ReadPace } from '#replicator/sentinel/disks/read-pace';
import { trackerOver, type TrackedDisk, type Tracker } from '#replicator/sentinel/tracking/tracker';
import { simulatedProcess } from '#simulator/block/process';
import { memoryDisk, sectorSize, type GuestDisk } from '#simulator/endpoints/guest/guest-disk';
import { installDebian } from '#simulator/endpoints/guest/install';
import { startGuest, type RunningGuest } from '#simulator/endpoints/guest/running-guest';
import { seededRng } from '#simulator/kernel/seeded-rng';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from '#test/support/value-of';
import { guestDevices, type GuestDevicesOptions } from './guest-devices.ts';
import { guestKernel, type GuestKernel, type GuestKernelOptions } from './guest-kernel.ts';
import { guestProcess } from './guest-process.ts';

const size = 1_048_576;
const mark = (number: number): ChangeMark => ({ owner: 'm', number });

interface Site {
  readonly clock: SimulatedClock;
  readonly guest: RunningGuest;
  readonly disks: GuestDisk[];
  readonly kernel: GuestKernel;
  readonly tracker: Tracker;
  readonly served: ReturnType<typeof openDisks>;
  readonly pace: ReadPace;
  run<T>(work: Promise<T>): Promise<T>;
}

type How = Partial<GuestKernelOptions> &
  Pick<GuestDevicesOptions, 'readFails' | 'refusesDirect'> & {
    readonly writesPerMinute?: number;
    readonly lookEveryMs?: number;
  };

/** A guest with two disks that is up, and the sentinel's tracking and reading in it. */
async function tracked(seed: number, { writesPerMinute = 0, lookEveryMs = 20_000, ...how }: How = {}): Promise<Site> {
  const clock = virtualClock({ start: instant(1_000), turn: () => new Promise((done) => setImmediate(done)) });
  const rng = seededRng(seed);
  const disks: GuestDisk[] = [memoryDisk(size), memoryDisk(size)];
  const mac = '52:54:00:00:00:01';
  installDebian(disks, {
    ...{ hostname: 'web-01', identity: seed, firmware: 'bios', controller: 'virtio-blk', nicModel: 'virtio', disks: 2 },
    nics: [{ name: 'ens3', mac, address: 'dhcp' }],
  });
  const guest = startGuest({
    ...{ disks, clock, rng: rng.fork('guest'), writesPerMinute },
    hardware: {
      ...{ firmware: 'bios', controller: 'virtio-blk', nicModel: 'virtio', bootEntries: [], memory: 1, processors: 2 },
      nics: [{ mac, connected: true }],
    },
  });
  await clock.run(clock.wait(seconds(40)));
  const kernel = guestKernel(guest, { clock, rng: rng.fork('kernel'), ...how });
  const process = guestProcess(guest, simulatedProcess('sentinel'), clock);
  const tracker = trackerOver({
    ...{ clock: process.clock, lookEveryMs, tracing: ok(kernel.tracing) },
    listDisks: process.bound(() => kernel.disks()),
  });
  const reading = guestDevices({ process, kernel, rng: rng.fork('reads'), ...how });
  const pace = readPace(process.clock);
  const served = openDisks(tracker, { ...reading, memory: plainMemory(4, 256 * KiB), pace });
  return { clock, guest, disks, kernel, tracker, served, pace, run: (work) => clock.run(work) };
}

/** Copies of disks as rounds make them: everything once, and then what marks recorded. */
class Copies {
  readonly #content = new Map<string, Uint8Array>();
  readonly #site: Site;

  constructor(site: Site) {
    this.#site = site;
  }

  async all(): Promise<void> {
    for (const disk of await this.#site.tracker.disks()) {
      this.#content.set(disk.id, new Uint8Array(disk.size));
      await this.#copy(disk, 0, disk.size);
    }
  }

  /** Copies what a frozen mark recorded. */
  async changes(number: number): Promise<void> {
    for (const disk of await this.#site.tracker.disks()) {
      const told = valueOf(await this.#site.tracker.extents(mark(number), disk.id, extent(0, disk.size), 1_000));
      for (const { start, length } of told.extents) await this.#copy(disk, start, start + length);
    }
  }

  /** Sectors in which a copy differs from its disk. */
  async differences(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const [index, { id }] of (await this.#site.tracker.disks()).entries())
      for (let at = 0; at < size; at += sectorSize) {
        const there = this.#site.disks[index]?.read(at, sectorSize) ?? new Uint8Array();
        if (Buffer.compare(this.#content.get(id)?.subarray(at, at + sectorSize) ?? there, there) !== 0)
          found.push(`${id} sector ${at / sectorSize}`);
      }
    return found;
  }

  async #copy({ id }: TrackedDisk, from: number, until: number): Promise<void> {
    const { served } = this.#site;
    valueOf(await served.open(id));
    for (let at = from; at < until; at += 64 * KiB) {
      const piece = valueOf(await served.read(id, at, Math.min(64 * KiB, until - at)));
      this.#content.get(id)?.set(piece.bytes, at);
      piece.release();
    }
  }
}

/** Rounds under load, then rest and a last round. Undefined if tracking was lost on the way. */
async function rounds(site: Site, between: (round: number) => void = () => undefined): Promise<Copies | undefined> {
  const { tracker, guest, clock } = site;
  const copies = new Copies(site);
  const isLost = (answer: Result<unknown, { readonly type: string }>): boolean => {
    if (!answer.ok) expect(answer.error.type).toBe('TrackingLost');
    return !answer.ok;
  };
  valueOf(await tracker.begin(mark(0)));
  await copies.all();
  for (let round = 1; round <= 4; round += 1) {
    between(round);
    await clock.wait(seconds(2));
    if (isLost(await tracker.advance(mark(round - 1), mark(round)))) return undefined;
    await copies.changes(round - 1);
    await tracker.drop(mark(round - 1));
  }
  await guest.quiesce({ timeout: minutes(1), keep: [] });
  if (isLost(await tracker.advance(mark(4), mark(5)))) return undefined;
  await copies.changes(4);
  return copies;
}

const seeds = Array.from({ length: 20 }, (_, index) => index + 1);

describe('change tracking in a simulated guest', () => {
  it('misses no write of a guest that writes all the time, also where records come late', async () => {
    for (const seed of seeds.slice(0, 8)) {
      const site = await tracked(seed, { writesPerMinute: 3_000 });
      const copies = await site.run(rounds(site));
      expect(copies, `seed ${seed}`).toBeDefined();
      expect(await site.run(copies?.differences() ?? Promise.resolve([])), `seed ${seed}`).toEqual([]);
      site.guest.cut();
    }
  });

  it('has every write in a mark, or has lost the mark: bursts overrun the buffers', async () => {
    const outcomes = { lost: 0, whole: 0 };
    for (const seed of seeds) {
      const site = await tracked(seed, { writesPerMinute: 600, pages: 1, lookEveryMs: 60_000 });
      const rng = seededRng(seed).fork('bursts');
      const copies = await site.run(
        rounds(site, () => {
          for (let left = rng.between(0, 260); left > 0; left -= 1)
            rng.pick(site.disks).scribble(rng.between(40, 255), 1);
        }),
      );
      outcomes[copies ? 'whole' : 'lost'] += 1;
      expect(await site.run(copies?.differences() ?? Promise.resolve([])), `seed ${seed}`).toEqual([]);
      site.guest.cut();
    }
    expect(Math.min(outcomes.lost, outcomes.whole)).toBeGreaterThan(2);
  });

  it('waits for records that are counted and cannot be read yet: a last round has no later mark', async () => {
    const { tracker, disks, run } = await tracked(1);
    valueOf(await run(tracker.begin(mark(0))));
    for (let round = 0; round < 40; round += 1) {
      disks[0]?.scribble(16 * (round % 16), 1);
      valueOf(await run(tracker.advance(mark(round), mark(round + 1))));
      const [vda] = valueOf(await run(tracker.changes(mark(round))));
      expect(vda?.dirty, `round ${round}`).toBe(64 * KiB);
      await run(tracker.drop(mark(round)));
    }
  });

  it('knows by the counters that records were dropped, and that somebody has turned it off', async () => {
    for (const fault of ['overrun', 'turnTracingOff'] as const) {
      const { kernel, tracker, disks, run } = await tracked(1);
      valueOf(await run(tracker.begin(mark(0))));
      kernel[fault]();
      disks[0]?.scribble(100, 1);
      const lost = { error: { type: 'TrackingLost' } };
      expect(await run(tracker.changes(mark(0)))).toMatchObject(lost);
      expect(await run(tracker.advance(mark(0), mark(1)))).toMatchObject(lost);
      await run(tracker.release('m'));
      valueOf(await run(tracker.begin(mark(2))));
      expect((await run(tracker.changes(mark(2)))).ok).toBe(true);
    }
  });

  it('begins a mark with a record of its own where somebody has turned off the one of others', async () => {
    const { kernel, tracker, disks, run } = await tracked(1);
    valueOf(await run(tracker.begin({ owner: 'another', number: 0 })));
    kernel.turnTracingOff();
    valueOf(await run(tracker.begin(mark(0))));
    disks[0]?.scribble(100, 1);
    expect(valueOf(await run(tracker.changes(mark(0)))).map(({ dirty }) => dirty)).toEqual([64 * KiB, 0]);
    expect(await run(tracker.changes({ owner: 'another', number: 0 }))).toMatchObject({
      error: { type: 'TrackingLost', detail: expect.stringContaining('turned the recording off') as unknown },
    });
  });

  it('empties the buffers in time, and a mark that is frozen stays what it was', async () => {
    const { tracker, disks, clock, run } = await tracked(1, { pages: 1, lookEveryMs: 100 });
    valueOf(await run(tracker.begin(mark(0))));
    for (let write = 0; write < 400; write += 1) {
      disks[0]?.scribble(32 + (write % 16), 1);
      await run(clock.wait(millis(5)));
    }
    valueOf(await run(tracker.advance(mark(0), mark(1))));
    disks[1]?.scribble(200, 1);
    const [vda, vdb] = valueOf(await run(tracker.changes(mark(0))));
    expect([vda?.dirty, vdb?.dirty]).toEqual([64 * KiB, 0]);
    expect(valueOf(await run(tracker.changes(mark(1)))).map(({ dirty }) => dirty)).toEqual([0, 64 * KiB]);
  });

  it('notices disks that come, go, and are exchanged', async () => {
    const { tracker, disks, run } = await tracked(1);
    const begin = async (number: number) => valueOf(await run(tracker.begin(mark(number))));
    const why = async (number: number) => run(tracker.changes(mark(number)));
    const lost = (disk: string, detail: string) => ({
      error: { type: 'TrackingLost', disk, detail: expect.stringContaining(detail) },
    });
    await begin(0);
    disks.push(memoryDisk(size));
    expect(await why(0)).toMatchObject(lost('vdc', 'it appeared'));
    await begin(1);
    disks.splice(1, 1);
    expect(await why(1)).toMatchObject(lost('vdb', 'it is not there any more'));
    expect((await run(tracker.disks())).map(({ id }) => String(id))).toEqual(['vda', 'vdc']);
    await begin(2);
    disks[0] = memoryDisk(size);
    expect(await why(2)).toMatchObject(lost('vda', 'another disk has its name now'));
    await begin(3);
    disks[0]?.scribble(40, 1);
    expect(valueOf(await why(3)).map(({ dirty }) => dirty)).toEqual([64 * KiB, 0]);
  });

  it('is not offered for a disk without requests', async () => {
    const { tracker, disks, run } = await tracked(1, { hasRequests: (disk) => disk === 'vda' });
    expect((await run(tracker.disks())).map(({ tracking }) => tracking.possible)).toEqual([true, false]);
    valueOf(await run(tracker.begin(mark(0))));
    disks[1]?.scribble(40, 1);
    expect(valueOf(await run(tracker.changes(mark(0)))).map(({ disk }) => String(disk))).toEqual(['vda']);
  });
});

describe('reading in a simulated guest', () => {
  const vda = diskId('vda');

  it('sees what was written before it began, also where direct reads are refused', async () => {
    const { served, disks, run } = await tracked(1, { refusesDirect: () => true });
    expect(valueOf(await run(served.open(vda))).how.type).toBe('flushed');
    const read = async () => {
      const piece = valueOf(await run(served.read(vda, 64 * KiB, sectorSize)));
      const content = Uint8Array.from(piece.bytes);
      piece.release();
      return content;
    };
    await read();
    disks[0]?.scribble(16, 1);
    expect(await read()).toEqual(disks[0]?.read(64 * KiB, sectorSize));
  });

  it('is held to a rate, and stands while it is none', async () => {
    const { served, pace, clock, run } = await tracked(1);
    valueOf(await run(served.open(vda)));
    const read = async () => valueOf(await served.read(vda, 0, 64 * KiB)).release();
    pace.set(bytesPerSecond(64 * KiB));
    const before = clock.now();
    for (let count = 0; count < 4; count += 1) await run(read());
    expect(clock.now() - before).toBeGreaterThanOrEqual(3_000);
    pace.set(bytesPerSecond(0));
    const standing = read();
    const ended = () => run(Promise.race([standing.then(() => true), clock.wait(minutes(5)).then(() => false)]));
    expect(await ended()).toBe(false);
    pace.set('unlimited');
    expect(await ended()).toBe(true);
  });

  it('fails in the words of the system, also for a disk that is gone', async () => {
    const broken = await tracked(1, { readFails: (_, at) => (at === 0 ? 'Input/output error' : undefined) });
    // The first block is tried when a disk is opened.
    expect(await broken.run(broken.served.open(vda))).toMatchObject({ error: { type: 'IoError' } });
    const { served, disks, run } = await tracked(1);
    valueOf(await run(served.open(vda)));
    disks.splice(0, 1);
    expect(await run(served.read(vda, 0, sectorSize))).toMatchObject({ error: { type: 'IoError' } });
  });
});
