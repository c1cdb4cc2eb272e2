import { describe, expect, it } from 'vitest';
import { seconds } from '#core/units';
import { folderGuestSystem } from '#replicator/sentinel/folder-guest-system';
import type { GuestSystem } from '#replicator/sentinel/guest-system';
import { serviceManager } from './init-system.ts';
import { planStops } from './stop-plan.ts';

/** A guest whose services are started and stopped by scripts: they remember, and nothing else is there. */
function scriptedGuest(
  program: string,
  services: ReadonlyMap<string, 'on' | 'off' | 'stuck'>,
  folders: Folders,
): Scripted {
  const running = new Set([...services].filter(([, state]) => state !== 'off').map(([name]) => name));
  const asked: string[] = [];
  const system: GuestSystem = {
    ...folderGuestSystem('/nowhere'),
    read: async (path) => folders.files?.[path],
    list: async (path) => (path === '/run/openrc/started' ? [...running].sort() : (folders.lists[path] ?? [])),
    run: async (name, args) => {
      const [service = '', verb = ''] = args;
      asked.push([name, ...args].join(' '));
      if (name !== program || !services.has(service))
        return { status: 1, stdout: '', stderr: `${service}: unrecognized` };
      if (verb === 'stop' && services.get(service) !== 'stuck') running.delete(service);
      if (verb === 'start') running.add(service);
      const fine = verb === 'status' ? running.has(service) : verb === 'start' || !running.has(service);
      return { status: fine ? 0 : 3, stdout: '', stderr: fine ? '' : `${service} would not` };
    },
  };
  return { system, running, asked };
}

interface Folders {
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly files?: Readonly<Record<string, string>>;
}

interface Scripted {
  readonly system: GuestSystem;
  readonly running: Set<string>;
  readonly asked: readonly string[];
}

describe('a guest with init scripts', () => {
  const lists = {
    '/etc': ['init.d'],
    '/etc/rc.d/rc0.d': ['K10database', 'K05app', 'K90network', 'K30asleep', 'K50stuck', 'S00killall', 'S01halt'],
  };
  const services = new Map([
    ...(['database', 'app', 'network'] as const).map((name) => [name, 'on'] as const),
    ['asleep', 'off'] as const,
    ['stuck', 'stuck'] as const,
  ]);

  it('stops what runs in the order in which the machine would, and starts it again', async () => {
    const { system, running, asked } = scriptedGuest('service', services, { lists });
    const manager = await serviceManager(system);
    const units = (await manager.units()) ?? [];
    const { groups, kept } = planStops(units, { keep: [] }, '');
    expect(groups).toEqual([['app'], ['database'], ['stuck']]);
    expect(kept).toEqual(['network']);
    expect(await manager.stop('app', seconds(5))).toBe(true);
    expect(await manager.stop('stuck', seconds(5))).toBe(false);
    expect([...running].sort()).toEqual(['database', 'network', 'stuck']);
    expect(await manager.start('app')).toBeUndefined();
    expect(await manager.running('app')).toBe(true);
    expect(await manager.start('unknown')).toContain('unrecognized');
    expect(asked.some((words) => words.includes('halt'))).toBe(false);
  });
});

describe('a guest with OpenRC', () => {
  const deptree = ["depinfo_0_service='app'", "depinfo_0_ineed_0='database'", "depinfo_1_service='database'"].join(
    '\n',
  );

  it('stops by its dependencies and starts again', async () => {
    const services = new Map([
      ['app', 'on'],
      ['database', 'on'],
      ['net.eth0', 'on'],
    ] as const);
    const { system, running } = scriptedGuest('rc-service', services, {
      lists: { '/run': ['openrc'] },
      files: { '/run/openrc/deptree': deptree },
    });
    const manager = await serviceManager(system);
    expect(planStops((await manager.units()) ?? [], { keep: [] }, '')).toEqual({
      groups: [['app'], ['database']],
      kept: ['net.eth0'],
    });
    expect(await manager.stop('app', seconds(5))).toBe(true);
    expect(await manager.running('app')).toBe(false);
    await manager.start('app');
    expect(running.has('app')).toBe(true);
  });
});

it('an unknown init system has no services to stop: what writes is found by what it has open', async () => {
  const manager = await serviceManager(folderGuestSystem('/nowhere'));
  expect([manager.name, await manager.units()]).toEqual(['none', []]);
});
