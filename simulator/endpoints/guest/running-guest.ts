import type { Rng } from '#core/rng';
import { after, instant, millis, type Instant, type Millis } from '#core/units';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { boot } from './boot.ts';
import type { BootedSystem } from './boot-outcome.ts';
import { stopService, type Rest } from './coming-to-rest.ts';
import type { GuestDisk } from './guest-disk.ts';
import { guestWriter } from './guest-writer.ts';
import type { GuestHardware } from './hardware.ts';
import { writeSystem, type InstalledSystem } from './installed-system.ts';
import { lookAtLedger, openLedger, type Ledger, type LedgerFound } from './ledger.ts';

/** What a guest is started from. */
export interface GuestOptions {
  /** In boot order. */
  readonly disks: readonly GuestDisk[];
  readonly hardware: GuestHardware;
  readonly clock: Pick<SimulatedClock, 'now' | 'schedule' | 'wait'>;
  readonly rng: Rng;
  readonly writesPerMinute: number;
  /** How far its clock runs off in a million, where no time service keeps it. */
  readonly driftPpm?: number;
  /** Called once it has powered itself off. */
  readonly onOff?: () => void;
  /** Called once it is up. */
  readonly onUp?: (guest: RunningGuest) => void;
  /** Told what chance decided. */
  readonly note?: (label: string, value: string | number | boolean) => void;
}

/** A guest from its power button on. Once it is off or cut, nothing it is asked has any effect. */
export interface RunningGuest {
  /** Different after each start. */
  readonly bootId: string;
  readonly disks: readonly GuestDisk[];
  readonly hardware: GuestHardware;
  phase(): GuestPhase;
  console(): string;
  /** Writes to its console, as whoever is root in it can. */
  print(text: string): void;
  /** What has booted; undefined before it is up, and if it never will be. */
  booted(): BootedSystem | undefined;
  /** What is installed, as it is on its disk. */
  installed(): InstalledSystem | undefined;
  /** Changes what is installed. False if nothing can be written just now. */
  change(edit: (system: InstalledSystem) => InstalledSystem): boolean;
  nics(): readonly GuestNicState[];
  services(): readonly ServiceState[];
  isAtRest(): boolean;
  /** Whether it answers nobody for a while. */
  isFrozen(): boolean;
  /** The last record it promised to keep. */
  acknowledged(): number;
  /** What of its records is on its disks. */
  ledger(): LedgerFound;
  /** What its own clock says. */
  time(): Instant;
  /** A plug is put in or pulled. */
  setConnected(mac: string, connected: boolean): void;
  /** Stops services in the reverse of their order, flushes, and makes file systems read-only. Undefined if it dies meanwhile. */
  quiesce(policy: RestPolicy): Promise<Rest | undefined>;
  /** Back to service. Undefined if it dies meanwhile. */
  resume(): Promise<true | undefined>;
  /** Shuts down in order: services, flush, off. */
  shutDown(): void;
  /** Does nothing at all for so long. */
  freeze(duration: Millis): void;
  /** Its machine is gone: nothing is flushed. */
  cut(): void;
}

/** `stopped`: it waits for a person. */
export type GuestPhase = 'booting' | 'up' | 'stopped' | 'off';

/** How services are stopped. */
export interface RestPolicy {
  readonly timeout: Millis;
  readonly keep: readonly string[];
}

/** A card of a guest that runs. */
export interface GuestNicState {
  readonly name: string;
  readonly mac: string;
  readonly driver: string;
  readonly addresses: readonly string[];
  readonly connected: boolean;
}

/** A service of a guest that runs. */
export interface ServiceState {
  readonly name: string;
  readonly state: 'running' | 'failed' | 'stopped';
  /** Why it failed. */
  readonly why: string;
}

/** Starts a guest. */
export function startGuest(options: GuestOptions): RunningGuest {
  const { disks, hardware, clock, note = () => undefined } = options;
  const startedAt = clock.now();
  const rng = options.rng.fork(`start at ${startedAt}`);
  const bootId = rng.fork('boot id').uuid();
  const connected = new Map(hardware.nics.map((nic) => [nic.mac, nic.connected]));
  const services = new Map<string, ServiceState>();
  let phase: GuestPhase = 'booting';
  let console = '';
  let booted: BootedSystem | undefined;
  let installed: InstalledSystem | undefined;
  let ledger: Ledger | undefined;
  let isReadOnly = false;
  let resting: Promise<Rest | undefined> | undefined;
  let rest: Rest | undefined;
  let frozenUntil = instant(0);
  const isAlive = (): boolean => phase === 'up';
  const isFrozen = (): boolean => clock.now() < frozenUntil;
  const records = (): boolean =>
    isAlive() &&
    !isReadOnly &&
    !isFrozen() &&
    recordsServices().some(({ name }) => services.get(name)?.state === 'running');
  const recordsServices = () => (installed?.services ?? []).filter(({ keepsRecords }) => keepsRecords);
  const writer = guestWriter({ ...options, rng, isWriting: records, append: () => ledger?.append() });

  const start = (): void => {
    const { console: said, outcome, waitedMs } = boot(disks, hardware);
    const took = millis(waitedMs + rng.fork('boot').between(5_000, 20_000));
    note('boot takes', took);
    clock.schedule(after(startedAt, took), () => {
      if (phase !== 'booting') return;
      console += said;
      phase = outcome.type === 'up' ? 'up' : 'stopped';
      if (outcome.type !== 'up') return;
      booted = outcome.booted;
      installed = booted.installed;
      isReadOnly = booted.failed.includes('systemd-remount-fs.service');
      startServices();
      writer.go();
      options.onUp?.(guest);
    });
  };
  const startServices = (): void => {
    const mounted = new Set(booted?.mounts.map(({ mountpoint }) => mountpoint));
    for (const { name, needs, keepsRecords } of installed?.services ?? []) {
      const unmet = needs.find((mountpoint) => !mounted.has(mountpoint));
      const why =
        unmet !== undefined
          ? `${unmet} is not mounted`
          : keepsRecords
            ? whyLedgerFails(disks, installed?.identity ?? 0, isReadOnly)
            : '';
      services.set(name, { name, state: why === '' ? 'running' : 'failed', why });
      if (why !== '') console += `\n[FAILED] Failed to start ${name}: ${why}\n`;
    }
    if (recordsServices().some(({ name }) => services.get(name)?.state === 'running'))
      ledger ??= openLedger(disks, installed?.identity ?? 0);
  };
  const die = (): void => {
    phase = 'off';
    writer.stop();
  };
  const comeToRest = async ({ timeout, keep }: RestPolicy): Promise<Rest | undefined> => {
    const begun = clock.now();
    const stopped: Rest['stopped'][number][] = [];
    for (const service of (installed?.services ?? []).toReversed()) {
      if (services.get(service.name)?.state !== 'running' || keep.includes(service.name)) continue;
      const left = millis(Math.max(0, timeout - (clock.now() - begun)));
      const done = stopService(service, left);
      await clock.wait(done.took);
      if (!isAlive()) return undefined;
      if (service.keepsRecords && done.outcome === 'stopped') ledger?.close();
      services.set(service.name, { name: service.name, state: 'stopped', why: '' });
      stopped.push({ unit: service.name, ...done });
    }
    for (const disk of disks) disk.flush();
    await clock.wait(millis(rng.fork('flush').between(5, 200)));
    if (!isAlive()) return undefined;
    isReadOnly = true;
    const fileSystems = (booted?.mounts ?? []).map(({ mountpoint }) => ({ mountpoint, how: 'remounted' as const }));
    rest = { stopped, fileSystems, took: millis(clock.now() - begun) };
    return rest;
  };
  const guest: RunningGuest = {
    ...{ bootId, disks, hardware, isFrozen },
    phase: () => phase,
    console: () => console,
    print: (text) => {
      if (isAlive()) console += text;
    },
    booted: () => booted,
    installed: () => installed,
    change: (edit) => {
      if (!isAlive() || isReadOnly || !installed || !disks[0]) return false;
      installed = edit(installed);
      writeSystem(disks[0], installed);
      return true;
    },
    nics: () =>
      isAlive()
        ? (booted?.nics ?? []).map(({ name, mac, driver, addresses, dhcp }) => {
            const isUp = connected.get(mac) ?? false;
            const lent = dhcp && isUp ? [leaseOf(mac)] : [];
            return { name, mac, driver, addresses: [...addresses, ...lent], connected: isUp };
          })
        : [],
    services: () => [...services.values()],
    isAtRest: () => rest !== undefined,
    acknowledged: () => ledger?.acknowledged() ?? 0,
    ledger: () => lookAtLedger(disks, installed?.identity ?? 0),
    time: () => {
      const drift = ((clock.now() - startedAt) * (options.driftPpm ?? 0)) / 1_000_000;
      return instant(clock.now() + Math.trunc(drift));
    },
    setConnected: (mac, isUp) => void connected.set(mac, isUp),
    quiesce: async (policy) => {
      if (!isAlive()) return undefined;
      if (rest) return rest;
      resting ??= comeToRest(policy).finally(() => (resting = undefined));
      return resting;
    },
    resume: async () => {
      await resting;
      if (!isAlive()) return undefined;
      if (rest === undefined) return true;
      await clock.wait(millis(rng.fork('resume').between(100, 1_000)));
      if (!isAlive()) return undefined;
      rest = undefined;
      isReadOnly = false;
      startServices();
      return true;
    },
    shutDown: () => {
      if (!isAlive()) return;
      void (async () => {
        await guest.quiesce({ timeout: millis(90_000), keep: [] });
        await clock.wait(millis(rng.fork('off').between(1_000, 4_000)));
        if (!isAlive()) return;
        die();
        options.onOff?.();
      })();
    },
    freeze: (duration) => void (frozenUntil = after(clock.now(), duration)),
    cut: die,
  };
  start();
  return guest;
}

/** A ledger does not go on where records of it are missing: they were promised to somebody. */
function whyLedgerFails(disks: readonly GuestDisk[], identity: number, isReadOnly: boolean): string {
  const [missing] = lookAtLedger(disks, identity).missing;
  if (missing !== undefined) return `record ${missing} is missing`;
  return isReadOnly ? 'the root is read-only' : '';
}

const leaseOf = (mac: string): string => `10.0.9.${Number.parseInt(mac.slice(-2), 16)}/24`;
