import type { GuestSystem } from '#replicator/sentinel/guest-system';

/** What starts and stops the services of a guest. */
export type InitSystem = 'systemd' | 'openrc' | 'sysv' | 'unknown';

/** A service and what it does: `running`, `exited`, `failed`, `started`. */
export interface ServiceFound {
  readonly name: string;
  readonly state: string;
}

/** Looks for the marks that each init system leaves while it runs. */
export async function readInitSystem(system: GuestSystem): Promise<InitSystem> {
  const run = await system.list('/run');
  if (run.includes('systemd') && (await system.list('/run/systemd')).includes('system')) return 'systemd';
  if (run.includes('openrc')) return 'openrc';
  return (await system.list('/etc')).includes('init.d') ? 'sysv' : 'unknown';
}

/** Services that run, or failed. An answer that did not come is a sentence in `missing`. */
export async function readServices(
  system: GuestSystem,
  init: InitSystem,
): Promise<{ readonly services: readonly ServiceFound[]; readonly missing: readonly string[] }> {
  switch (init) {
    case 'systemd': {
      const args = ['list-units', '--type=service', '--no-legend', '--no-pager', '--plain'];
      const asked = await system.run('systemctl', args);
      return asked.status === 0
        ? { services: parseUnitList(asked.stdout), missing: [] }
        : { services: [], missing: [`services: systemctl said ${asked.stderr.trim()}`] };
    }
    case 'openrc': {
      const started = await system.list('/run/openrc/started');
      return { services: started.map((name) => ({ name, state: 'started' })), missing: [] };
    }
    case 'sysv': {
      const asked = await system.run('service', ['--status-all']);
      return asked.status === null
        ? { services: [], missing: [`services: ${asked.stderr.trim()}`] }
        : { services: parseStatusAll(asked.stdout), missing: [] };
    }
    case 'unknown':
      return { services: [], missing: ['services: the init system is not known'] };
  }
}

/** Reads `systemctl list-units --plain --no-legend`. A failed unit has a mark before its name in some versions. */
export const parseUnitList = (text: string): readonly ServiceFound[] =>
  text.split('\n').flatMap((line) => {
    const [name, load, , sub] = line.replace(/^[^\w]+/, '').split(/\s+/);
    return name !== undefined && load === 'loaded' && sub !== undefined ? [{ name, state: sub }] : [];
  });

/** Reads `service --status-all`: Debian's ` [ + ]  cron`, and the sentences of Red Hat's scripts. */
export const parseStatusAll = (text: string): readonly ServiceFound[] =>
  text.split('\n').flatMap((line) => {
    const debian = /^ \[ ([+?-]) \]\s+(\S+)/.exec(line);
    if (debian) return debian[1] === '+' ? [{ name: debian[2] ?? '', state: 'running' }] : [];
    const redHat = /^(\S+) \(pid\s+[\d\s]+\) is running/.exec(line);
    return redHat ? [{ name: redHat[1] ?? '', state: 'running' }] : [];
  });
