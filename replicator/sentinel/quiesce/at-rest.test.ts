import { describe, expect, it } from 'vitest';
import { seconds } from '#core/units';
import { isAtRest } from './at-rest.ts';
import { quiescer } from './quiescer.ts';
import { type SmallGuest, smallGuest } from './small-guest.ts';

const policy = { timeout: seconds(120), keep: [], before: [], after: [] };

/** Looks without any program: a guest that is down has none to spare. */
const looked = ({ system }: SmallGuest): Promise<boolean> =>
  isAtRest({ ...system, run: async (program) => Promise.reject(new Error(`${program} was run`)) });
const hold = (mountpoint: string) => (guest: SmallGuest) => {
  guest.mounts.splice(0, Infinity, ...guest.mounts.map((one) => ({ ...one, held: one.mountpoint === mountpoint })));
};

describe('whether a guest is at rest', () => {
  it('is what the kernel says of its file systems, and not that it was quiesced once', async () => {
    const guest = smallGuest();
    expect(await looked(guest)).toBe(false);
    const rest = quiescer(guest.system, guest.clock);
    expect((await rest.quiesce(policy)).ok).toBe(true);
    expect(await looked(guest)).toBe(true);
    const data = guest.mounts.find(({ mountpoint }) => mountpoint === '/data');
    if (data) data.readOnly = false;
    expect(await looked(guest)).toBe(false);
    if (data) data.readOnly = true;
    expect((await rest.resume()).ok).toBe(true);
    expect(await looked(guest)).toBe(false);
  });

  it('is true with one that was frozen, which still shows as writable', async () => {
    const guest = smallGuest(hold('/data'));
    const rest = await quiescer(guest.system, guest.clock).quiesce(policy);
    expect(rest).toMatchObject({
      value: { fileSystems: expect.arrayContaining([{ mountpoint: '/data', how: 'frozen' }]) },
    });
    expect(guest.mounts.find(({ mountpoint }) => mountpoint === '/data')?.readOnly).toBe(false);
    expect(await looked(guest)).toBe(true);
  });

  it('is true after an emergency remount', async () => {
    const guest = smallGuest(hold('/'));
    expect((await quiescer(guest.system, guest.clock).quiesce(policy)).ok).toBe(true);
    expect(await looked(guest)).toBe(true);
  });

  it('is not known of a guest that shows no file system', async () => {
    expect(await looked(smallGuest((guest) => void guest.mounts.splice(0)))).toBe(false);
  });
});
