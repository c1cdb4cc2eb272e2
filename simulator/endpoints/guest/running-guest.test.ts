import { describe, expect, it } from 'vitest';
import { instant, minutes, seconds } from '#core/units';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { memoryDisk, type MemoryDisk } from './guest-disk.ts';
import { installDebian } from './install.ts';
import { lookAtLedger } from './ledger.ts';
import { startGuest, type GuestOptions } from './running-guest.ts';

const mac = '52:54:00:00:00:01';

function world(more: Partial<GuestOptions> = {}, seed = 1) {
  const clock = virtualClock({ turn: () => new Promise((resolve) => setImmediate(resolve)) });
  const disks = [memoryDisk(1_048_576), memoryDisk(1_048_576)];
  installDebian(disks, {
    ...{ hostname: 'web-01', identity: 7, firmware: 'bios', controller: 'virtio-blk', nicModel: 'virtio', disks: 2 },
    nics: [{ name: 'ens3', mac, address: 'dhcp' }],
  });
  const options: GuestOptions = {
    ...{ disks, clock, rng: seededRng(seed), writesPerMinute: 600 },
    hardware: {
      ...{ firmware: 'bios', controller: 'virtio-blk', nicModel: 'virtio', bootEntries: [], memory: 2 ** 29 },
      ...{ processors: 1, nics: [{ mac, connected: true }] },
    },
    ...more,
  };
  return { clock, disks, options, guest: startGuest(options), pass: (n: number) => clock.run(clock.wait(seconds(n))) };
}

const bytesOf = (disks: readonly MemoryDisk[]): readonly string[] =>
  disks.map((disk) => Buffer.from(disk.read(0, disk.size)).toString('base64'));

describe('a guest that runs', () => {
  it('keeps its records through a loss of power, and takes them up again', async () => {
    const { guest, disks, options, pass } = world();
    await pass(200);
    const promised = guest.acknowledged();
    expect(promised).toBeGreaterThan(50);
    guest.cut();
    for (const disk of disks) disk.lose();
    await pass(10);
    expect(lookAtLedger(disks, 7, promised)).toEqual({ last: promised, missing: [] });
    const again = startGuest(options);
    await pass(100);
    expect(again.acknowledged()).toBeGreaterThan(promised);
    expect(again.bootId).not.toBe(guest.bootId);
  });

  it('writes the same for the same seed, and otherwise for another', async () => {
    const runs = [world(), world(), world({}, 2)];
    for (const { pass } of runs) await pass(120);
    const [one, same, other] = runs.map(({ disks }) => bytesOf(disks));
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('does not start what keeps records where one is missing that was promised', async () => {
    const { guest, disks, options, pass } = world();
    await pass(120);
    guest.cut();
    // The second disk is as it was before the guest ran.
    disks[1]?.write(65_536, new Uint8Array(65_536));
    const again = startGuest(options);
    await pass(60);
    expect(again.services().find(({ name }) => name === 'ledger.service')).toMatchObject({
      state: 'failed',
      why: expect.stringContaining('is missing'),
    });
    expect(lookAtLedger(disks, 7, guest.acknowledged()).missing.length).toBeGreaterThan(0);
  });

  it('misses what was written last where a disk was copied too early, because its ledger was closed', async () => {
    const { guest, clock, disks, options, pass } = world();
    await pass(120);
    const early = disks.map((disk) => disk.read(0, disk.size));
    await pass(60);
    await clock.run(guest.quiesce({ timeout: minutes(1), keep: [] }));
    const note = disks[0]?.read(65_536, 16) ?? new Uint8Array();
    guest.cut();
    for (const [index, disk] of disks.entries()) disk.write(0, early[index] ?? new Uint8Array());
    disks[0]?.write(65_536, note);
    const again = startGuest(options);
    await pass(60);
    expect(again.services().find(({ name }) => name === 'ledger.service')?.state).toBe('failed');
  });

  it('comes to rest in the reverse of its order, writes nothing then, and comes back', async () => {
    const { guest, clock, disks, pass } = world();
    await pass(60);
    const rest = await clock.run(guest.quiesce({ timeout: minutes(1), keep: [] }));
    expect(rest?.stopped.map(({ unit }) => unit)).toEqual(['nginx.service', 'ledger.service', 'cron.service']);
    expect(guest.isAtRest()).toBe(true);
    const before = bytesOf(disks);
    await pass(60);
    expect(bytesOf(disks)).toEqual(before);
    expect(guest.change((system) => system)).toBe(false);
    await clock.run(guest.resume());
    await pass(60);
    expect(bytesOf(disks)).not.toEqual(before);
  });

  it('kills what takes longer to stop than there is time', async () => {
    const { guest, clock, pass } = world();
    await pass(60);
    const rest = await clock.run(guest.quiesce({ timeout: seconds(0.2), keep: ['cron.service'] }));
    expect(rest?.stopped.map(({ outcome }) => outcome)).toEqual(['stopped', 'killed']);
  });

  it('powers itself off once it was asked to, and answers nobody afterwards', async () => {
    let off = false;
    const { guest, clock, pass } = world({ onOff: () => (off = true) });
    await pass(60);
    guest.shutDown();
    await pass(10);
    expect({ off, phase: guest.phase(), nics: guest.nics() }).toEqual({ off: true, phase: 'off', nics: [] });
    expect(await clock.run(guest.quiesce({ timeout: minutes(1), keep: [] }))).toBeUndefined();
  });

  it('dies in the middle of coming to rest if its machine does', async () => {
    const { guest, clock, pass } = world();
    await pass(60);
    const resting = guest.quiesce({ timeout: minutes(1), keep: [] });
    clock.schedule(instant(clock.now() + 150), () => guest.cut());
    expect(await clock.run(resting)).toBeUndefined();
    expect(guest.isAtRest()).toBe(false);
  });

  it('has a lent address while its link is up, a clock that runs off, and stands still when frozen', async () => {
    const { guest, clock, disks, pass } = world({ driftPpm: 100_000 });
    await pass(60);
    expect(guest.nics()[0]?.addresses).toEqual(['10.0.9.1/24']);
    guest.setConnected(mac, false);
    expect(guest.nics()[0]).toMatchObject({ addresses: [], connected: false });
    expect(guest.time() - clock.now()).toBe(6_000);
    guest.freeze(seconds(30));
    const before = bytesOf(disks);
    await pass(29);
    expect(bytesOf(disks)).toEqual(before);
    await pass(30);
    expect(bytesOf(disks)).not.toEqual(before);
  });
});
