import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, bytes, instant, KiB, seconds } from '#core/units';
import { disksNamed, type HypervisorError } from '#core/ports/source-hypervisor';
import { err, type Result } from '#core/result';
import { markOf, owner, simulatedVendors, simulatedVm, type VendorName } from '#test/support/simulated-vm';
import { valueOf } from '#test/support/value-of';
import type { Call } from './connector.ts';

const vendors = Object.keys(simulatedVendors) as VendorName[];
type Vm = ReturnType<typeof simulatedVm>;
const lost = { ok: false, error: { type: 'TrackingLost' } };
const done = { ok: true, value: undefined };

/** What may befall a source, and which vendors' marks survive it. */
const fates: Readonly<
  Record<string, { readonly strike: (vm: Vm) => void; readonly survivedBy: readonly VendorName[] }>
> = {
  'its hypervisor crashed': {
    strike: ({ source }) => {
      source.faults.crashHypervisor();
      source.machine.start();
    },
    survivedBy: ['hyperv', 'ahv'],
  },
  'its host lost its power and came back': {
    strike: ({ hosts: [host] }) => {
      host.down();
      host.up();
    },
    survivedBy: ['ahv'],
  },
  'its cluster started it on another host': {
    strike: ({ source, hosts: [host, other] }) => {
      host.down();
      source.faults.restartElsewhere(other);
    },
    survivedBy: ['ahv'],
  },
  'it moved to another host': {
    strike: ({ source, hosts: [, other] }) => source.faults.migrate(other),
    survivedBy: ['hyperv', 'ahv'],
  },
  'it moved and left its tracking behind': {
    strike: ({ source, hosts: [, other] }) => source.faults.migrate(other, { keepsTracking: false }),
    survivedBy: [],
  },
  'its marks were forgotten in silence': {
    strike: ({ source }) => source.faults.forgetMarks('silently'),
    survivedBy: [],
  },
  'its marks were damaged': { strike: ({ source }) => source.faults.forgetMarks('withError'), survivedBy: [] },
};

describe.each(vendors)('a source of %s', (vendor) => {
  it.each(Object.entries(fates))('says the truth about its marks after %s', async (_, { strike, survivedBy }) => {
    const vm = simulatedVm(vendor);
    const { hypervisor, source, run } = vm;
    valueOf(await run(hypervisor.beginMark(markOf(0))));
    vm.disks[0]?.write(3, 1);
    vm.disks[0]?.flush();
    await run(vm.clock.wait(seconds(5)));
    strike(vm);
    const changes = await run(hypervisor.changes(markOf(0)));
    if (survivedBy.includes(vendor)) {
      expect(valueOf(changes)).toMatchObject([
        { disk: 'sda', dirty: 64 * KiB },
        { disk: 'sdb', dirty: 0 },
      ]);
      expect(source.witness.trackingLostAt(owner)).toBeUndefined();
    } else {
      expect(changes).toMatchObject(lost);
      expect(source.witness.trackingLostAt(owner)).toBeGreaterThanOrEqual(after(instant(0), seconds(5)));
      expect(await run(hypervisor.advanceMark(markOf(0), markOf(1)))).toMatchObject(lost);
      // It can be tracked anew.
      valueOf(await run(hypervisor.release(owner)));
      valueOf(await run(hypervisor.beginMark(markOf(1))));
    }
    expect(source.machine.power()).toBe('running');
  });

  describe('has a witness who holds a mark that was lost', () => {
    const moved = (vm: Vm): void => vm.source.faults.migrate(vm.hosts[1], { keepsTracking: false });
    const movedBack = (vm: Vm): void => vm.source.faults.migrate(vm.hosts[0], { keepsTracking: false });
    const begin = async ({ hypervisor, run }: Vm, number = 0): Promise<void> =>
      valueOf(await run(hypervisor.beginMark(markOf(number))));
    const beginAnew = async (vm: Vm): Promise<void> => {
      valueOf(await vm.run(vm.hypervisor.release(owner)));
      await begin(vm);
    };
    const copyAll = async (vm: Vm): Promise<void> => {
      for (const { id } of vm.disks) valueOf(await vm.run(vm.copy(id)));
    };
    const lostAt = ({ source }: Vm) => source.witness.trackingLostAt(owner);
    const vmAt5s = async (): Promise<Vm> => {
      const vm = simulatedVm(vendor);
      await begin(vm);
      await vm.run(vm.clock.wait(seconds(5)));
      return vm;
    };

    it('against nobody if it was begun anew before anything was read', async () => {
      const vm = await vmAt5s();
      moved(vm);
      const at = lostAt(vm);
      expect(at).toBeGreaterThanOrEqual(after(instant(0), seconds(5)));
      await beginAnew(vm);
      expect(lostAt(vm)).toBeUndefined();
      await copyAll(vm);
      expect(lostAt(vm)).toBeUndefined();
      // Now something has been read under it, so that the next loss is another matter.
      await vm.run(vm.clock.wait(seconds(5)));
      movedBack(vm);
      const again = lostAt(vm);
      expect(again).toBeGreaterThan(at ?? Infinity);
      await beginAnew(vm);
      await copyAll(vm);
      expect(lostAt(vm)).toBe(again);
    });

    it('against whoever read in between', async () => {
      const vm = await vmAt5s();
      moved(vm);
      const at = lostAt(vm);
      await copyAll(vm);
      await beginAnew(vm);
      expect(at).toBeDefined();
      expect(lostAt(vm)).toBe(at);
    });

    it('against whoever never begins it anew', async () => {
      const vm = await vmAt5s();
      moved(vm);
      const at = lostAt(vm);
      expect(at).toBeDefined();
      await copyAll(vm);
      expect(lostAt(vm)).toBe(at);
    });

    it('of which something was read, whatever is lost and begun anew later', async () => {
      const vm = await vmAt5s();
      await copyAll(vm);
      moved(vm);
      const at = lostAt(vm);
      expect(at).toBeDefined();
      await beginAnew(vm);
      await vm.run(vm.clock.wait(seconds(5)));
      movedBack(vm);
      expect(lostAt(vm)).toBeGreaterThan(at ?? Infinity);
      await beginAnew(vm);
      expect(lostAt(vm)).toBe(at);
    });
  });

  it('never gives a copy that differs from the source at rest without saying that tracking was lost', async () => {
    const step = fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom('write', 'round') },
      { weight: 1, arbitrary: fc.constantFrom(...Object.keys(fates)) },
    );
    const steps = fc.array(step, { minLength: 4, maxLength: 14 });
    let rounds = 0;
    let copiesKept = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(1_000), steps, async (seed, plan) => {
        const vm = simulatedVm(vendor, seed);
        let number = 0;
        const round = async (): Promise<Result<void, HypervisorError>> => {
          const { hypervisor } = vm;
          valueOf(await hypervisor.closeDisks());
          const advanced = await hypervisor.advanceMark(markOf(number), markOf(number + 1));
          if (!advanced.ok) return advanced;
          for (const { id } of vm.disks) {
            const copied = await vm.copy(id, markOf(number));
            if (!copied.ok) return copied;
          }
          number += 1;
          rounds += 1;
          return await hypervisor.dropMark(markOf(number - 1));
        };
        valueOf(await vm.run(vm.hypervisor.beginMark(markOf(0))));
        for (const { id } of vm.disks) valueOf(await vm.run(vm.copy(id)));
        let isLost = false;
        for (const [at, step] of [...plan, 'rest'].entries()) {
          if (step === 'write') vm.disks[at % 2]?.write((seed + at * 17) % 120, 5);
          else if (step === 'rest') valueOf(await vm.run(vm.hypervisor.pause()));
          else if (step !== 'round') fates[step]?.strike(vm);
          if (step !== 'round' && step !== 'rest') continue;
          const came = await vm.run(round());
          if (!came.ok) expect(came).toMatchObject(lost);
          isLost ||= !came.ok;
        }
        if (!isLost) expect(vm.copied()).toEqual(vm.source.witness.rootsAtRest());
        else expect(vm.source.witness.trackingLostAt(owner)).toBeDefined();
        copiesKept += isLost ? 0 : 1;
      }),
      { numRuns: 60 },
    );
    expect(rounds).toBeGreaterThan(60);
    expect(copiesKept).toBeGreaterThan(10);
  });

  it('goes on after any request that was lost, or whose answer was', async () => {
    for (const when of ['before', 'after'] as const)
      for (let lostAt = 0; ; lostAt += 1) {
        let calls = 0;
        const call: Call = async (operation, act) => {
          calls += 1;
          const isLost = calls - 1 === lostAt;
          const answer = isLost && when === 'before' ? undefined : act();
          return isLost || answer === undefined ? err({ type: 'Unreachable', operation, detail: 'lost' }) : answer;
        };
        const vm = simulatedVm(vendor, 1, call);
        const { hypervisor, source } = vm;
        const insist = async <T>(work: () => Promise<Result<T, HypervisorError>>): Promise<T> => {
          const first = await vm.run(work());
          if (first.ok) return first.value;
          expect(first.error.type).toBe('Unreachable');
          return valueOf(await vm.run(work()));
        };
        await insist(() => hypervisor.beginMark(markOf(0)));
        for (const { id } of vm.disks) await insist(() => vm.copy(id));
        vm.disks[1]?.write(40, 3);
        await insist(() => hypervisor.closeDisks());
        await insist(() => hypervisor.pause());
        await insist(() => hypervisor.advanceMark(markOf(0), markOf(1)));
        for (const { id } of vm.disks) await insist(() => vm.copy(id, markOf(0)));
        await insist(() => hypervisor.changes(markOf(1)));
        await insist(() => hypervisor.dropMark(markOf(0)));
        expect(vm.copied()).toEqual(source.witness.rootsAtRest());
        await insist(() => hypervisor.resume());
        await insist(() => hypervisor.release(owner));
        expect(source.witness.leftovers(owner), `lost ${when} request ${lostAt}`).toEqual([]);
        await insist(() => vm.power.powerOff());
        expect(source.machine.power()).toBe('off');
        if (lostAt >= calls) break;
      }
  });

  it('is fenced by its power and its plugs, and says when it is not', async () => {
    const { power, source, run, hosts } = simulatedVm(vendor);
    expect(valueOf(await run(power.state()))).toBe('running');
    source.faults.refusePowerOff('the process does not end');
    expect(await run(power.powerOff())).toMatchObject({ error: { type: 'Refused', operation: 'powerOff' } });
    expect(source.machine.power()).toBe('running');
    source.faults.refusePowerOff(undefined);
    expect(await run(power.powerOff())).toEqual(done);
    expect(await run(power.powerOff())).toEqual(done);
    expect(await run(power.disconnect())).toEqual(done);
    // Who was switched off is not switched on by a host that comes back, and whoever switches it on finds its plugs pulled.
    hosts[0].down();
    hosts[0].up();
    expect(valueOf(await run(power.state()))).toBe('off');
    expect(await run(power.powerOn())).toEqual(done);
    expect(source.machine.nicsConnected).toBe(false);
    expect(await run(power.reconnect())).toEqual(done);
    expect(source.machine.nicsConnected).toBe(true);
    expect(await run(power.annotate('moved to vSphere'))).toEqual(done);
  });

  it('reads a disk that cannot be tracked as it is, and never tells what changed of it', async () => {
    const vm = simulatedVm(vendor);
    const { disk } = vm.diskOf('shared', 7);
    vm.source.faults.addDisk({ disk, untracked: 'it is passed through' });
    vm.copies.set(disk.id, new Uint8Array(disk.size));
    const { hypervisor, run } = vm;
    expect(valueOf(disksNamed(valueOf(await run(hypervisor.inspect())))).at(-1)?.tracking).toEqual({
      possible: false,
      why: 'it is passed through',
    });
    valueOf(await run(hypervisor.beginMark(markOf(0))));
    disk.write(1, 2);
    valueOf(await run(vm.copy(disk.id)));
    expect(vm.copied().get(disk.id)).toBe(disk.root());
    valueOf(await run(hypervisor.advanceMark(markOf(0), markOf(1))));
    expect(await run(hypervisor.openDisk(disk.id, markOf(0)))).toMatchObject(lost);
    expect(valueOf(await run(hypervisor.changes(markOf(1)))).map((found) => found.disk)).toEqual(['sda', 'sdb']);
  });

  it('refuses to track where its hypervisor does', async () => {
    const { source, hypervisor, run, disks } = simulatedVm(vendor);
    const [first] = disks;
    if (first === undefined) throw new Error('a VM without disks');
    source.faults.refuseTracking(first.id, 'the file system is read-only');
    expect(await run(hypervisor.beginMark(markOf(0)))).toMatchObject({ error: { type: 'Refused' } });
    expect(source.witness.leftovers(owner)).toEqual([]);
    source.faults.refuseTracking(first.id, undefined);
    expect(await run(hypervisor.beginMark(markOf(0)))).toEqual(done);
  });

  it('has a witness who knows what is left, what of others was touched, and what the disks were at rest', async () => {
    const vm = simulatedVm(vendor);
    const { source, hypervisor, run } = vm;
    source.faults.plantForeign(owner);
    expect(source.witness.foreign()).toHaveLength(2);
    valueOf(await run(hypervisor.beginMark(markOf(0))));
    expect(source.witness.leftovers(owner).length).toBeGreaterThan(0);
    expect(source.witness.rootsAtRest()).toBeUndefined();
    valueOf(await run(hypervisor.pause()));
    const roots = source.witness.rootsNow();
    vm.disks[0]?.write(0, 1);
    expect(source.witness.rootsAtRest()).toEqual(roots);
    expect(source.witness.rootsNow()).not.toEqual(roots);
    valueOf(await run(hypervisor.release(owner)));
    expect(source.witness.leftovers(owner)).toEqual([]);
    expect(source.witness.foreignTouched()).toEqual([]);
    // A fault that takes what others made is not us.
    source.faults.forgetMarks('silently');
    expect(source.witness.foreignTouched()).toEqual([]);
    source.faults.plantForeign(owner);
    valueOf(await run(hypervisor.release(`${owner}x`)));
    expect(source.witness.foreignTouched()).toHaveLength(1);
  });

  it('ends reading where its host is lost, or where what is read is taken away', async () => {
    const { exports, hypervisor, run, disks, source } = simulatedVm(vendor);
    const [first] = disks;
    if (first === undefined) throw new Error('a VM without disks');
    const locator = valueOf(await run(hypervisor.openDisk(first.id)));
    const { device } = valueOf(await exports.openExport(locator));
    expect(await device.flush()).toEqual(done);
    valueOf(await run(hypervisor.closeDisks()));
    expect(await device.flush()).toMatchObject({ error: { type: 'ConnectionLost' } });
    expect(await exports.openExport(locator)).toMatchObject({ error: { type: 'DiskUnavailable' } });
    expect(source.witness.leftovers(owner)).toEqual([]);
  });
});

describe('a host that lost its power', () => {
  it('is not known to have stopped its VM, except where a cluster knows', async () => {
    for (const vendor of vendors) {
      const { power, run, hosts, source } = simulatedVm(vendor);
      hosts[0].down();
      expect(source.machine.power()).toBe('off');
      expect(await run(power.state())).toMatchObject(
        vendor === 'ahv' ? { value: 'off' } : { error: { type: 'Unreachable', operation: 'state' } },
      );
    }
  });

  it('loses what was not flushed, but for a cluster that acknowledges only what is durable', () => {
    for (const vendor of vendors) {
      const { disks, hosts } = simulatedVm(vendor, 3);
      const [disk] = disks;
      for (let at = 0; at < 60; at += 1) disk?.write(at, 1);
      const root = disk?.root();
      hosts[0].down();
      if (vendor === 'ahv') expect(disk?.root()).toBe(root);
      else expect(disk?.root()).not.toBe(root);
    }
  });
});

describe('Hyper-V', () => {
  it('lets no disk grow under a checkpoint', async () => {
    const { source, hypervisor, run, disks } = simulatedVm('hyperv');
    const grow = (): boolean => disks.every(({ id }) => source.faults.growDisk(id, bytes(1024 * KiB)));
    valueOf(await run(hypervisor.beginMark(markOf(0))));
    valueOf(await run(hypervisor.advanceMark(markOf(0), markOf(1))));
    expect(grow()).toBe(false);
    valueOf(await run(hypervisor.dropMark(markOf(0))));
    expect(grow()).toBe(true);
    expect(await run(hypervisor.changes(markOf(1)))).toMatchObject(lost);
  });
});
