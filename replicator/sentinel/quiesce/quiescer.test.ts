import { describe, expect, it } from 'vitest';
import type { QuiescePolicy } from '#core/ports/guest-agent';
import { seconds } from '#core/units';
import { quiescer } from './quiescer.ts';
import { notesPath } from './rest-journal.ts';
import { type SmallGuest, smallGuest } from './small-guest.ts';

const policy: QuiescePolicy = { timeout: seconds(120), keep: [], before: ['flush-app'], after: ['note-it'] };

const activeUnits = ({ units }: SmallGuest): readonly string[] =>
  [...units].filter(([, { active }]) => active).map(([id]) => id);
const writable = ({ mounts }: SmallGuest): readonly string[] =>
  mounts.filter(({ readOnly, frozen }) => !readOnly && frozen !== true).map(({ mountpoint }) => mountpoint);

// These cannot be made read-only, and need not be.
const inMemory = ['/run', '/share'];

/** All that service means: what ran runs, what could be written to can be, and nothing is left behind. */
function expectInService(guest: SmallGuest, before: SmallGuest): void {
  const back = activeUnits(before).filter((id) => !id.endsWith('.scope'));
  expect(activeUnits(guest).filter((id) => !id.endsWith('.scope'))).toEqual(back);
  expect(writable(guest)).toEqual(writable(before));
  expect([...guest.swaps]).toEqual([...before.swaps]);
  expect(guest.journal).toBe('disk');
  expect(guest.power).toBe('on');
  expect(guest.files.has(notesPath)).toBe(false);
  expect(guest.wrong).toEqual([]);
}

describe('bringing a guest to rest', () => {
  it('stops services in reverse dependency order, and then the disks', async () => {
    const guest = smallGuest();
    const rest = await quiescer(guest.system, guest.clock).quiesce(policy);
    expect(guest.done).toEqual([
      'sh flush-app',
      ...['stop backup.timer', 'stop web.socket'],
      ...['stop cron.service', 'stop session-1.scope', 'stop web.service'],
      ...['stop app.service', 'stop database.service'],
      'sh note-it',
      ...['remount,ro /data/deep', 'remount,ro /data', 'remount,ro /boot', 'remount,ro /'],
    ]);
    expect(writable(guest)).toEqual(['/run', '/share']);
    expect([...guest.swaps]).toEqual([]);
    expect(activeUnits(guest)).toEqual([
      ...['dbus.service', 'dbus.socket', 'networking.service', 'systemd-journald.service', 'sealift-sentinel.service'],
    ]);
    expect(guest.wrong).toEqual([]);
    expect(rest).toMatchObject({
      ok: true,
      value: {
        fileSystems: ['/data/deep', '/data', '/boot', '/'].map((mountpoint) => ({ mountpoint, how: 'remounted' })),
      },
    });
    if (rest.ok) expect(rest.value.stopped.every(({ outcome }) => outcome === 'stopped')).toBe(true);
  });

  it('is done once when it is asked for twice, also by a later life of the sentinel', async () => {
    const guest = smallGuest();
    const one = quiescer(guest.system, guest.clock);
    const [first, second] = await Promise.all([one.quiesce(policy), one.quiesce(policy)]);
    const done = guest.done.length;
    expect(second).toEqual(first);
    expect(await one.quiesce(policy)).toEqual(first);
    expect(await quiescer(guest.system, guest.clock).quiesce(policy)).toEqual(first);
    expect(guest.done.length).toBe(done);
  });

  it('kills what does not stop, and leaves time for the rest', async () => {
    const guest = smallGuest(({ units }) => units.set('web.service', { active: true, hangs: true }));
    const rest = await quiescer(guest.system, guest.clock).quiesce(policy);
    expect(rest.ok && rest.value.stopped.filter(({ outcome }) => outcome === 'killed')).toEqual([
      { unit: 'web.service', took: 60_000, outcome: 'killed' },
    ]);
    expect(guest.done).toContain('kill web.service');
    expect(guest.done.indexOf('kill web.service')).toBeLessThan(guest.done.indexOf('stop database.service'));
  });

  it('stops what came up while it was stopping, and does not bring that back', async () => {
    const guest = smallGuest(({ units }) => {
      units.set('woken.service', { active: false });
      units.set('cron.service', { active: true, wakes: 'woken.service' });
    });
    const one = quiescer(guest.system, guest.clock);
    expect((await one.quiesce(policy)).ok).toBe(true);
    expect(guest.units.get('woken.service')?.active).toBe(false);
    expect((await one.resume()).ok).toBe(true);
    expectInService(guest, smallGuest());
  });

  it('keeps what the policy names, with all that it needs', async () => {
    const guest = smallGuest();
    await quiescer(guest.system, guest.clock).quiesce({ ...policy, keep: ['app'] });
    expect(activeUnits(guest)).toEqual(expect.arrayContaining(['app.service', 'database.service']));
    expect(activeUnits(guest)).not.toContain('web.service');
  });

  it.each(['flush-app', 'note-it'])('goes back to service when the script %s fails', async (script) => {
    const guest = smallGuest(({ failing }) => failing.add(script));
    const rest = await quiescer(guest.system, guest.clock).quiesce(policy);
    expect(rest).toMatchObject({ ok: false, error: { type: 'Refused', operation: 'quiesce' } });
    if (!rest.ok) expect(rest.error.detail).toContain(`"${script}" ended with 4: it went wrong`);
    expectInService(guest, smallGuest());
  });

  it('ends processes of nobody that could still write, and says so when it goes back', async () => {
    const guest = smallGuest(({ processes }) => {
      processes.set(50, { pid: 50, command: 'copy', unit: 'user.slice/session-9.scope', opens: [23] });
      processes.set(51, { pid: 51, command: 'deaf', unit: '', opens: [24], ignoresTerm: true });
    });
    const one = quiescer(guest.system, guest.clock);
    const rest = await one.quiesce(policy);
    expect(rest.ok && rest.value.fileSystems.every(({ how }) => how === 'remounted')).toBe(true);
    expect(guest.done).toEqual(expect.arrayContaining(['SIGTERM 50', 'SIGTERM 51', 'SIGKILL 51']));
    expect(guest.done).not.toContain('SIGKILL 50');
    expect(rest.ok && rest.value.took).toBe(2000); // The time of the deaf one: nobody is waited for once he is gone.
    const back = await one.resume();
    expect(back.ok && back.value.ended).toEqual(['copy (process 50)', 'deaf (process 51)', 'session-1.scope']);
  });

  it('never freezes the root, where the sentinel itself would hang', async () => {
    const guest = smallGuest(({ mounts }) => {
      mounts.splice(0, 1, {
        ...{ id: 20, device: '254:1', mountpoint: '/', type: 'ext4', readOnly: false, held: true },
      });
    });
    const rest = await quiescer(guest.system, guest.clock).quiesce(policy);
    expect(rest.ok && rest.value.fileSystems).toContainEqual({ mountpoint: '/', how: 'emergency' });
    expect(guest.done).not.toContain('freeze /');
  });

  it('freezes a file system that the kernel holds', async () => {
    const guest = smallGuest(({ mounts }) => {
      mounts.splice(3, 1, {
        ...{ id: 23, device: '252:0', mountpoint: '/data', type: 'xfs' },
        readOnly: false,
        held: true,
      });
    });
    const before = smallGuest();
    const one = quiescer(guest.system, guest.clock);
    const rest = await one.quiesce(policy);
    expect(rest.ok && rest.value.fileSystems).toContainEqual({ mountpoint: '/data', how: 'frozen' });
    expect(guest.done).not.toContain('sysrq u');
    expect((await one.resume()).ok).toBe(true);
    expectInService(guest, before);
  });

  it('forces a file system that a kept unit writes to, and the root in particular', async () => {
    const lease = { pid: 60, command: 'dhclient', unit: 'system.slice/networking.service', opens: [20, 23] };
    const guest = smallGuest(({ processes }) => processes.set(60, lease));
    const one = quiescer(guest.system, guest.clock);
    const rest = await one.quiesce(policy);
    expect(guest.done.filter((what) => what.startsWith('freeze') || what.startsWith('SIG'))).toEqual([]);
    expect(rest.ok && rest.value.fileSystems.filter(({ how }) => how === 'emergency')).toEqual([
      { mountpoint: '/data', how: 'emergency' },
      { mountpoint: '/', how: 'emergency' },
    ]);
    expect(writable(guest)).toEqual(['/run', '/share']);
    expect((await one.resume()).ok).toBe(true);
    expectInService(guest, smallGuest());
  });

  it('never says that a guest is at rest while one of its file systems is not', async () => {
    const guest = smallGuest((it) => {
      it.processes.set(60, { pid: 60, command: 'dhclient', unit: 'networking.service', opens: [20] });
      it.obeysEmergency = false;
    });
    const rest = await quiescer(guest.system, guest.clock).quiesce(policy);
    expect(rest).toMatchObject({ ok: false, error: { detail: 'still writable: /; the guest is back in service' } });
    expectInService(guest, smallGuest());
  });
});

describe('going back to service', () => {
  it('undoes everything, latest first', async () => {
    const guest = smallGuest();
    const one = quiescer(guest.system, guest.clock);
    await one.quiesce(policy);
    guest.done.length = 0;
    const back = await one.resume();
    expect(guest.done).toEqual([
      ...['remount,rw /', 'remount,rw /boot', 'remount,rw /data', 'remount,rw /data/deep'],
      ...['start database.service', 'start app.service', 'start cron.service', 'start web.service'],
      ...['start backup.timer', 'start web.socket'],
    ]);
    expect(back).toMatchObject({ ok: true, value: { ended: ['session-1.scope'] } });
    expectInService(guest, smallGuest());
    expect(await one.resume()).toEqual({ ok: true, value: { started: [], ended: [] } });
  });

  it('says what did not come back, brings back the rest, and tries again when it is asked again', async () => {
    const guest = smallGuest();
    const one = quiescer(guest.system, guest.clock);
    await one.quiesce(policy);
    const app = guest.units.get('app.service');
    if (app) app.broken = true;
    expect(await one.resume()).toMatchObject({
      ok: false,
      error: { operation: 'resume', detail: 'not all came back: app.service: Job for app.service failed.' },
    });
    expect(activeUnits(guest)).toContain('web.service');
    expect(await one.powerOff()).toMatchObject({ ok: false });
    if (app) app.broken = false;
    expect(await one.resume()).toMatchObject({ ok: true, value: { started: ['app.service'] } });
    expectInService(guest, smallGuest());
  });

  it('works at every moment of a quiesce', async () => {
    let moments = 0;
    for (let at = 0; ; at += 1) {
      const guest = smallGuest();
      const one = quiescer(guest.system, guest.clock);
      let count = 0;
      let back: ReturnType<typeof one.resume> | undefined;
      guest.interrupt = () => {
        if (count++ === at) back = one.resume();
      };
      const rest = await one.quiesce(policy);
      if (back === undefined) break;
      expect(await back).toMatchObject({ ok: true });
      expect(rest).toMatchObject({ ok: false }); // What was given up is never said to be at rest.
      expectInService(guest, smallGuest());
      moments += 1;
    }
    expect(moments).toBeGreaterThan(50);
  });

  it('works after the sentinel has died at any moment of a quiesce, or of going back', async () => {
    let moments = 0;
    for (let at = 0; ; at += 1) {
      const guest = smallGuest();
      const died = await dieAt(guest, at);
      guest.interrupt = () => undefined;
      const later = quiescer(guest.system, guest.clock);
      // Half of the lives try again before they give up, and are at rest if they say so.
      const again = at % 2 === 1 ? await later.quiesce(policy) : undefined;
      if (again?.ok) expect(writable(guest), `moment ${at}`).toEqual(inMemory);
      expect(await later.resume(), `moment ${at}`).toMatchObject({ ok: true });
      expectInService(guest, smallGuest());
      if (!died) break;
      moments += 1;
    }
    expect(moments).toBeGreaterThan(80);
  });
});

/** Quiesces and goes back, in a sentinel that dies at the given moment. False if it lived to the end. */
async function dieAt(guest: SmallGuest, at: number): Promise<boolean> {
  let count = 0;
  const died = new Promise<boolean>((resolve) => {
    guest.interrupt = () => {
      if (count++ < at) return undefined;
      resolve(true);
      return new Promise<void>(() => undefined);
    };
  });
  const one = quiescer(guest.system, guest.clock);
  const lived = one
    .quiesce(policy)
    .then(() => one.resume())
    .then(() => false);
  return Promise.race([died, lived]);
}

describe('power-off', () => {
  it('is refused to a guest that is not at rest', async () => {
    const guest = smallGuest();
    const one = quiescer(guest.system, guest.clock);
    expect(await one.powerOff()).toMatchObject({ ok: false, error: { detail: 'the guest is not at rest' } });
    await one.quiesce(policy);
    await one.resume();
    expect((await one.powerOff()).ok).toBe(false);
    expect(guest.power).toBe('on');
  });

  it('takes nothing from a disk the first time, and asks programs too when it is asked again', async () => {
    const guest = smallGuest();
    const one = quiescer(guest.system, guest.clock);
    await one.quiesce(policy);
    guest.done.length = 0;
    expect(await one.powerOff()).toEqual({ ok: true, value: undefined });
    expect(guest.power).toBe('off');
    expect(guest.done).toEqual(['sysrq o']);
    await one.powerOff();
    expect(guest.done).toEqual(['sysrq o', 'sysrq o']);
  });
});
