import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guestOfFiles, type FolderGuest } from '#replicator/sentinel/inventory/guest-files';
import { wallClock } from '#replicator/wall-clock';
import { valueOf } from '#test/support/value-of';
import type { GuestServices } from './guest-services.ts';
import { liveServices } from './live-services.ts';

/** A guest with a disk, whose kernel has no tracing. */
const files = {
  '/proc/sys/kernel/hostname': 'web01\n',
  '/proc/sys/kernel/random/boot_id': '2f0c\n',
  '/proc/filesystems': 'nodev\tproc\n\text4\n',
  '/proc/self/mountinfo': '22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n',
  '/run/systemd/system/': '',
  '/sys/block/vda/dev': '254:0\n',
  '/sys/block/vda/device/': '',
  '/sys/block/vda/size': '2097152\n',
  '/sys/block/vda/queue/logical_block_size': '512\n',
  '/sys/block/vda/mq/0/cpu_list': '0\n',
};

let guest: FolderGuest;
let services: GuestServices;
let programs: string[];
beforeEach(async () => {
  guest = await guestOfFiles(files);
  programs = [];
  const { system } = guest;
  services = await liveServices({
    system: { ...system, run: (program, ...rest) => (programs.push(program), system.run(program, ...rest)) },
    ...{ clock: wallClock, version: '1.2.3', entrance: { stage: 'source' } },
    tracking: {
      ...{ sysfs: join(system.root, 'sys'), tracingPlaces: [] },
      // Nothing can be mounted: there is no program for it.
      mountPoint: join(system.root, 'run/tracing'),
    },
  });
  programs.length = 0;
});
afterEach(async () => {
  await services.close();
  await guest.end();
});

describe('a guest that is looked at', () => {
  it('is said to have its disks, to be in service, and to be itself', async () => {
    const { disks, ...glance } = valueOf(await services.look());
    expect(glance).toEqual({ hostname: 'web01', isAtRest: false, sentinel: { version: '1.2.3', bootId: '2f0c' } });
    expect(disks).toMatchObject([{ id: 'vda', size: 2 ** 30, tracking: { possible: false } }]);
    const { disks: surveyed, hostname, sentinel } = valueOf(await services.inspect());
    expect({ hostname, sentinel }).toEqual({ hostname: glance.hostname, sentinel: glance.sentinel });
    expect(surveyed).toMatchObject(disks.map(({ id, size, tracking }) => ({ id, size, tracking })));
  });

  it('runs no program for it, where a survey runs a dozen', async () => {
    valueOf(await services.look());
    expect(programs).toEqual([]);
    valueOf(await services.inspect());
    expect(programs.length).toBeGreaterThan(8);
  });
});
