import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert, property, record, subarray, uniqueArray, constantFrom } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMountInfo } from '#replicator/sentinel/inventory/mounts';
import { writableFileSystems } from './disk-plan.ts';
import { planStops } from './stop-plan.ts';
import { parseDepTree, parseKillScripts, parseUnits, type Unit, unitOf } from './unit.ts';
import { parseSharedMaps, parseWritable } from './writers.ts';

/** `systemctl show` of a Debian 12 with systemd 252, its active units. */
const debian = parseUnits(readFileSync(fileURLToPath(new URL('captured-debian-12.txt', import.meta.url)), 'utf8'));

const service = (id: string, after: readonly string[] = [], requires: readonly string[] = []): Unit => ({
  ...{ id, kind: 'service', after, requires },
});

describe('what stops in a Debian guest', () => {
  it('is every running service that nothing else hangs on, its triggers first', () => {
    const { groups, kept } = planStops(debian, { keep: [] }, '');
    expect(groups).toEqual([
      [
        ...['apt-daily-upgrade.timer', 'apt-daily.timer', 'dpkg-db-backup.timer', 'e2scrub_all.timer'],
        ...['syslog.socket', 'systemd-tmpfiles-clean.timer'],
      ],
      ['cron.service', 'rsyslog.service', 'ssh.service', 'systemd-logind.service'],
    ]);
    expect(kept).toEqual(expect.arrayContaining(['dbus.service', 'dbus.socket', 'systemd-journald.service']));
  });

  it('leaves alone what has done its work: stopping it would undo it', () => {
    expect(debian.map(({ id }) => id)).not.toContain('networking.service');
    expect(debian.map(({ id }) => id)).not.toContain('blk-availability.service');
  });

  it('keeps the unit that the sentinel itself is in', () => {
    const { groups, kept } = planStops(debian, { keep: [] }, 'ssh.service');
    expect(groups.flat()).not.toContain('ssh.service');
    expect(kept).toContain('ssh.service');
  });
});

describe('the order of stopping', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name}.service`);
  const units = uniqueArray(record({ id: constantFrom(...names), after: subarray(names), requires: subarray(names) }), {
    selector: ({ id }) => id,
  });
  const asUnits = (drawn: readonly Pick<Unit, 'id' | 'after' | 'requires'>[]): readonly Unit[] =>
    drawn.map((unit) => ({ ...unit, kind: 'service' }));

  it('has every unit once, stopping or kept, whatever they wait for', () => {
    assert(
      property(units, (drawn) => {
        const { groups, kept } = planStops(asUnits(drawn), { keep: ['a'] }, '');
        expect([...groups.flat(), ...kept].sort()).toEqual(drawn.map(({ id }) => id).sort());
      }),
    );
  });

  it('never stops a unit before one that was started after it, unless they wait for each other', () => {
    assert(
      property(units, (drawn) => {
        // Waiting only for what is earlier in the alphabet makes no ring.
        const acyclic = drawn.map((unit) => ({ ...unit, after: unit.after.filter((other) => other < unit.id) }));
        const { groups } = planStops(asUnits(acyclic), { keep: [] }, '');
        const place = new Map(groups.flatMap((group, index) => group.map((id) => [id, index] as const)));
        for (const { id, after } of acyclic)
          for (const other of after) if (place.has(other)) expect(place.get(id)).toBeLessThan(place.get(other) ?? -1);
      }),
    );
  });

  it('never stops what a kept unit needs', () => {
    assert(
      property(units, (drawn) => {
        const { kept } = planStops(asUnits(drawn), { keep: ['a'] }, '');
        const there = new Set(drawn.map(({ id }) => id));
        for (const { id, requires } of drawn)
          if (kept.includes(id)) for (const other of requires) if (there.has(other)) expect(kept).toContain(other);
      }),
    );
  });

  it('stops containers after the services that would start them again', () => {
    const units = parseUnits(
      'Id=docker-12ab.scope\nActiveState=active\nSubState=running\n\nId=docker.service\nActiveState=active\nSubState=running\nAfter=docker.socket\n\nId=docker.socket\nActiveState=active\nSubState=listening\n',
    );
    expect(planStops(units, { keep: [] }, '').groups).toEqual([
      ['docker.socket'],
      ['docker.service'],
      ['docker-12ab.scope'],
    ]);
  });

  it('takes a pattern for what it says', () => {
    const units = ['app-1', 'app-2', 'xapp-1', 'app'].map((name) => service(`${name}.service`));
    expect(planStops(units, { keep: ['app-*', 'app'] }, '').groups).toEqual([['xapp-1.service']]);
    expect(planStops([service('a+b.service'), service('aab.service')], { keep: ['a+b'] }, '').groups).toEqual([
      ['aab.service'],
    ]);
  });
});

describe('other init systems', () => {
  it('reads the dependencies of OpenRC', () => {
    const text = [
      "depinfo_0_service='sshd'",
      "depinfo_0_ineed_0='net'",
      "depinfo_0_iafter_0='logger'",
      "depinfo_1_service='app'",
      "depinfo_1_iuse_0='sshd'",
    ].join('\n');
    const units = parseDepTree(text, ['app', 'sshd', 'strange']);
    expect(planStops(units, { keep: [] }, '').groups).toEqual([['app', 'strange'], ['sshd']]);
    expect(units[1]).toEqual({ ...service('sshd', ['net', 'logger'], ['net']) });
  });

  it('takes the order of init scripts from those that stop the machine, and leaves out what does', () => {
    const units = parseKillScripts([
      'K01cron',
      'K20rsyslog',
      'K20app',
      'S00halt',
      'K06umountroot',
      'K90network',
      'README',
    ]);
    expect(planStops(units, { keep: [] }, '').groups).toEqual([['cron'], ['app', 'rsyslog']]);
  });
});

describe('processes', () => {
  it('belong to the unit that their control group names, in old and new layouts', () => {
    expect(unitOf('0::/system.slice/cron.service\n')).toBe('cron.service');
    expect(unitOf('9:name=systemd:/user.slice/user-0.slice/session-3.scope\n8:pids:/\n0::/\n')).toBe('session-3.scope');
    expect(unitOf('0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n')).toBe('user@1000.service');
    expect(unitOf('0::/\n')).toBe('');
  });

  it('write through files opened so, not through those opened to read or to name a path', () => {
    expect(parseWritable('pos:\t0\nflags:\t0100001\nmnt_id:\t24\n')).toBe(24);
    expect(parseWritable('pos:\t0\nflags:\t02100002\nmnt_id:\t24\n')).toBe(24);
    expect(parseWritable('pos:\t0\nflags:\t0100000\nmnt_id:\t24\n')).toBeUndefined();
    expect(parseWritable('pos:\t0\nflags:\t010000002\nmnt_id:\t24\n')).toBeUndefined();
    expect(parseWritable('')).toBeUndefined();
  });

  it('write through shared maps of files', () => {
    const maps = [
      '7f00-7f01 rw-s 00000000 fe:01 1234 /data/db',
      '7f02-7f03 rw-p 00000000 fe:02 1235 /lib/x.so',
      '7f04-7f05 r--s 00000000 fe:03 1236 /data/index',
      '7f06-7f07 rw-s 00000000 00:01 0 /dev/zero',
    ].join('\n');
    expect(parseSharedMaps(maps)).toEqual(['254:1']);
  });
});

it('closes each file system once, the deepest first, and none that is not ours', () => {
  const mounts = parseMountInfo(
    [
      '20 1 254:1 / / rw - ext4 /dev/vda1 rw',
      '21 20 0:5 / /proc rw - proc proc rw',
      '22 20 254:1 /srv /srv rw - ext4 /dev/vda1 rw',
      '23 20 252:0 / /data rw - xfs /dev/mapper/x rw',
      '24 23 252:1 / /data/a rw - btrfs /dev/mapper/y rw',
      '25 20 0:50 / /mnt/nas rw - nfs4 nas:/ rw',
      '26 20 254:2 / /boot/efi rw - vfat /dev/vda2 rw',
      '27 20 7:0 / /snap/x ro - squashfs /dev/loop0 ro',
      '28 20 252:2 / /ro ro - ext4 /dev/mapper/z rw',
    ].join('\n'),
  );
  expect(
    writableFileSystems(mounts, new Set(['proc', 'nfs4'])).map(({ mountpoint, freezable }) => [mountpoint, freezable]),
  ).toEqual([
    ['/boot/efi', false],
    ['/data/a', true],
    ['/ro', true],
    ['/data', true],
    ['/', true],
  ]);
});
