import { type Millis, seconds } from '#core/units';
import type { GuestSystem } from '#replicator/sentinel/guest-system';
import { parseUnitList, readInitSystem } from '#replicator/sentinel/inventory/services';
import { parseDepTree, parseKillScripts, parseUnits, type Unit, unitProperties } from './unit.ts';

/** The init system of a guest, as far as stopping and starting goes. Calls may be repeated. */
export interface ServiceManager {
  readonly name: string;
  /** What runs now. Undefined if the init system cannot be asked. */
  units(): Promise<readonly Unit[] | undefined>;
  /** Asks a unit to stop and waits until it has; false if it has not by then. */
  stop(id: string, limit: Millis): Promise<boolean>;
  /** Ends a unit's processes at once. */
  kill(id: string): Promise<void>;
  /** A sentence if it did not start. */
  start(id: string): Promise<string | undefined>;
  running(id: string): Promise<boolean>;
}

// Starting brings a guest back to service: it may take what a boot would.
const startLimit = seconds(300);
const askLimit = seconds(30);

/** The manager of the init system that runs this guest; one that knows of no services where it is unknown. */
export async function serviceManager(system: GuestSystem): Promise<ServiceManager> {
  switch (await readInitSystem(system)) {
    case 'systemd':
      return systemd(system);
    case 'openrc':
      return openrc(system);
    case 'sysv':
      return initScripts(system);
    case 'unknown':
      return noManager;
  }
}

const listActive = [
  ...['list-units', '--no-legend', '--no-pager', '--plain', '--type=service,socket,timer,path,scope'],
  '--state=active,activating,reloading,deactivating',
];

const noManager: ServiceManager = {
  name: 'none',
  units: async () => [],
  stop: async () => true,
  kill: async () => undefined,
  start: async () => undefined,
  running: async () => false,
};

function systemd(system: GuestSystem): ServiceManager {
  const state = async (id: string): Promise<string> =>
    (await system.run('systemctl', ['show', '-p', 'ActiveState', id], { timeout: askLimit })).stdout.trim();
  const running = async (id: string): Promise<boolean> =>
    /^ActiveState=(?:active|activating|deactivating|reloading)$/.test(await state(id));
  return {
    name: 'systemd',
    units: async () => {
      const listed = await system.run('systemctl', listActive, { timeout: askLimit });
      if (listed.status !== 0) return undefined;
      const ids = parseUnitList(listed.stdout).flatMap(({ name, state }) => (state === 'exited' ? [] : [name]));
      if (ids.length === 0) return [];
      // Only those that run are asked about: a pattern would have systemd describe hundreds that do not, for seconds.
      const args = ['show', '--no-pager', '-p', unitProperties.join(','), ...ids];
      const asked = await system.run('systemctl', args, { timeout: askLimit });
      return asked.status === 0 ? parseUnits(asked.stdout) : undefined;
    },
    // A unit that went along with another is not there any more, which is an error to systemctl and none to us.
    stop: async (id, limit) =>
      (await system.run('systemctl', ['stop', id], { timeout: limit })).status === 0 || !(await running(id)),
    kill: async (id) => {
      await system.run('systemctl', ['kill', '--signal=SIGKILL', id], { timeout: askLimit });
    },
    start: async (id) => {
      const first = await system.run('systemctl', ['start', id], { timeout: startLimit });
      if (first.status === 0) return undefined;
      // One that was killed, or stopped and started often, may be barred from starting until it is forgiven.
      await system.run('systemctl', ['reset-failed', id], { timeout: askLimit });
      const second = await system.run('systemctl', ['start', id], { timeout: startLimit });
      return second.status === 0 ? undefined : second.stderr.trim() || first.stderr.trim();
    },
    running,
  };
}

function openrc(system: GuestSystem): ServiceManager {
  const started = (): Promise<readonly string[]> => system.list('/run/openrc/started');
  return {
    name: 'openrc',
    units: async () => parseDepTree((await system.read('/run/openrc/deptree')) ?? '', await started()),
    ...scripts(system, 'rc-service'),
    running: async (id) => (await started()).includes(id),
  };
}

function initScripts(system: GuestSystem): ServiceManager {
  const runs = async (id: string): Promise<boolean> =>
    (await system.run('service', [id, 'status'], { timeout: askLimit })).status === 0;
  return {
    name: 'init scripts',
    units: async () => {
      const folders = await Promise.all(['/etc/rc0.d', '/etc/rc.d/rc0.d', '/etc/init.d/rc0.d'].map(system.list));
      const units = parseKillScripts(folders.find((names) => names.length > 0) ?? []);
      const found: Unit[] = [];
      for (const unit of units) if (await runs(unit.id)) found.push(unit);
      return found;
    },
    ...scripts(system, 'service'),
    running: runs,
  };
}

function scripts(system: GuestSystem, program: string): Pick<ServiceManager, 'stop' | 'kill' | 'start'> {
  return {
    stop: async (id, limit) => (await system.run(program, [id, 'stop'], { timeout: limit })).status === 0,
    // Init scripts know no unit whose processes could be ended: whoever still writes is found by what it has open.
    kill: async () => undefined,
    start: async (id) => {
      const started = await system.run(program, [id, 'start'], { timeout: startLimit });
      return started.status === 0 ? undefined : started.stderr.trim() || started.stdout.trim();
    },
  };
}
