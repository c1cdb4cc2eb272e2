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
  /** Whether the machine below it stands still just now, as one that is paused does. */
  readonly isHalted?: () => boolean;
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
  /** Somebody sets its clock, or a time service does. */
  jumpClock(by: Millis): void;
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

/** What changes in a guest while it runs. */
interface Self {
  readonly options: GuestOptions;
  readonly rng: Rng;
  readonly startedAt: Instant;
  /** Cards whose plug is in. */
  readonly connected: Map<string, boolean>;
  readonly services: Map<string, ServiceState>;
  phase: GuestPhase;
  console: string;
  booted: BootedSystem | undefined;
  installed: InstalledSystem | undefined;
  ledger: Ledger | undefined;
  isReadOnly: boolean;
  /** Under way to rest. */
  resting: Promise<Rest | undefined> | undefined;
  rest: Rest | undefined;
  frozenUntil: Instant;
}

/** Starts a guest. */
export function startGuest(options: GuestOptions): RunningGuest {
  const { disks, hardware, clock } = options;
  const startedAt = clock.now();
  const rng = options.rng.fork(`start at ${startedAt}`);
  const self: Self = {
    ...{ options, rng, startedAt, services: new Map(), phase: 'booting', console: '' },
    connected: new Map(hardware.nics.map((nic) => [nic.mac, nic.connected])),
    ...{ booted: undefined, installed: undefined, ledger: undefined, isReadOnly: false },
    ...{ resting: undefined, rest: undefined, frozenUntil: instant(0) },
  };
  const writer = guestWriter({
    ...{ ...options, rng },
    isWriting: () => keepsRecords(self),
    append: () => self.ledger?.append(),
  });
  let jumped = 0;
  const die = (): void => {
    self.phase = 'off';
    writer.stop();
  };
  const guest: RunningGuest = {
    ...{ bootId: rng.fork('boot id').uuid(), disks, hardware },
    ...{ isFrozen: () => stands(self), isAtRest: () => self.rest !== undefined },
    ...{ phase: () => self.phase, console: () => self.console, services: () => [...self.services.values()] },
    ...{ booted: () => self.booted, installed: () => self.installed },
    print: (text) => {
      if (self.phase === 'up') self.console += text;
    },
    change: (edit) => changeInstalled(self, edit),
    nics: () => nicsOf(self),
    acknowledged: () => self.ledger?.acknowledged() ?? 0,
    ledger: () => lookAtLedger(disks, self.installed?.identity ?? 0),
    time: () => {
      const drift = ((clock.now() - startedAt) * (options.driftPpm ?? 0)) / 1_000_000;
      return instant(clock.now() + Math.trunc(drift) + jumped);
    },
    setConnected: (mac, isUp) => void self.connected.set(mac, isUp),
    quiesce: (policy) => quiesce(self, policy),
    resume: () => resume(self),
    shutDown: () => void shutDown(self, die),
    jumpClock: (by) => void (jumped += by),
    freeze: (duration) => void (self.frozenUntil = after(clock.now(), duration)),
    cut: die,
  };
  bootUp(self, () => {
    writer.go();
    options.onUp?.(guest);
  });
  return guest;
}

function bootUp(self: Self, onUp: () => void): void {
  const { disks, hardware, clock, note } = self.options;
  const { console: said, outcome, waitedMs } = boot(disks, hardware);
  const took = millis(waitedMs + self.rng.fork('boot').between(5_000, 20_000));
  note?.('boot takes', took);
  clock.schedule(after(self.startedAt, took), () => {
    if (self.phase !== 'booting') return;
    self.console += said;
    self.phase = outcome.type === 'up' ? 'up' : 'stopped';
    if (outcome.type !== 'up') return;
    self.booted = outcome.booted;
    self.installed = outcome.booted.installed;
    self.isReadOnly = outcome.booted.failed.includes('systemd-remount-fs.service');
    startServices(self);
    onUp();
  });
}

const recordsServices = ({ installed }: Self): InstalledSystem['services'] =>
  (installed?.services ?? []).filter((service) => service.keepsRecords);

/** Whether it does nothing at all just now. */
const stands = ({ options: { clock, isHalted }, frozenUntil }: Self): boolean =>
  clock.now() < frozenUntil || (isHalted?.() ?? false);

/** Whether it is in service just now, and writes. */
const keepsRecords = (self: Self): boolean =>
  self.phase === 'up' &&
  !self.isReadOnly &&
  !stands(self) &&
  // Asked before every write.
  (self.installed?.services.some((it) => it.keepsRecords && self.services.get(it.name)?.state === 'running') ?? false);

function startServices(self: Self): void {
  const { booted, installed, services, isReadOnly } = self;
  const { disks } = self.options;
  const mounted = new Set(booted?.mounts.map(({ mountpoint }) => mountpoint));
  for (const { name, needs, keepsRecords: isLedger } of installed?.services ?? []) {
    const unmet = needs.find((mountpoint) => !mounted.has(mountpoint));
    const inLedger = isLedger ? whyLedgerFails(disks, installed?.identity ?? 0, isReadOnly) : '';
    const why = unmet === undefined ? inLedger : `${unmet} is not mounted`;
    services.set(name, { name, state: why === '' ? 'running' : 'failed', why });
    if (why !== '') self.console += `\n[FAILED] Failed to start ${name}: ${why}\n`;
  }
  if (recordsServices(self).some(({ name }) => services.get(name)?.state === 'running'))
    self.ledger ??= openLedger(disks, installed?.identity ?? 0);
}

function changeInstalled(self: Self, edit: (system: InstalledSystem) => InstalledSystem): boolean {
  const [bootDisk] = self.options.disks;
  if (self.phase !== 'up' || self.isReadOnly || !self.installed || !bootDisk) return false;
  self.installed = edit(self.installed);
  writeSystem(bootDisk, self.installed);
  return true;
}

function nicsOf({ phase, booted, connected }: Self): readonly GuestNicState[] {
  if (phase !== 'up') return [];
  return (booted?.nics ?? []).map(({ name, mac, driver, addresses, dhcp }) => {
    const isUp = connected.get(mac) ?? false;
    const lent = dhcp && isUp ? [leaseOf(mac)] : [];
    return { name, mac, driver, addresses: [...addresses, ...lent], connected: isUp };
  });
}

async function quiesce(self: Self, policy: RestPolicy): Promise<Rest | undefined> {
  if (self.phase !== 'up') return undefined;
  if (self.rest) return self.rest;
  self.resting ??= comeToRest(self, policy).finally(() => (self.resting = undefined));
  return self.resting;
}

const isGone = ({ phase }: Self): boolean => phase !== 'up';

async function comeToRest(self: Self, { timeout, keep }: RestPolicy): Promise<Rest | undefined> {
  const { clock, disks } = self.options;
  const begun = clock.now();
  const stopped: Rest['stopped'][number][] = [];
  for (const service of (self.installed?.services ?? []).toReversed()) {
    if (self.services.get(service.name)?.state !== 'running' || keep.includes(service.name)) continue;
    const left = millis(Math.max(0, timeout - (clock.now() - begun)));
    const done = stopService(service, left);
    await clock.wait(done.took);
    if (isGone(self)) return undefined;
    if (service.keepsRecords && done.outcome === 'stopped') self.ledger?.close();
    self.services.set(service.name, { name: service.name, state: 'stopped', why: '' });
    stopped.push({ unit: service.name, ...done });
  }
  for (const disk of disks) disk.flush();
  await clock.wait(millis(self.rng.fork('flush').between(5, 200)));
  if (isGone(self)) return undefined;
  self.isReadOnly = true;
  const fileSystems = (self.booted?.mounts ?? []).map(({ mountpoint }) => ({ mountpoint, how: 'remounted' as const }));
  self.rest = { stopped, fileSystems, took: millis(clock.now() - begun) };
  return self.rest;
}

async function resume(self: Self): Promise<true | undefined> {
  await self.resting;
  if (isGone(self)) return undefined;
  if (self.rest === undefined) return true;
  await self.options.clock.wait(millis(self.rng.fork('resume').between(100, 1_000)));
  if (isGone(self)) return undefined;
  self.rest = undefined;
  self.isReadOnly = false;
  startServices(self);
  return true;
}

async function shutDown(self: Self, die: () => void): Promise<void> {
  await quiesce(self, { timeout: millis(90_000), keep: [] });
  await self.options.clock.wait(millis(self.rng.fork('off').between(1_000, 4_000)));
  // It may have lost its power before, or never have come to be up.
  if (isGone(self)) return;
  die();
  self.options.onOff?.();
}

/** A ledger does not go on where records of it are missing: they were promised to somebody. */
function whyLedgerFails(disks: readonly GuestDisk[], identity: number, isReadOnly: boolean): string {
  const [missing] = lookAtLedger(disks, identity).missing;
  if (missing !== undefined) return `record ${missing} is missing`;
  return isReadOnly ? 'the root is read-only' : '';
}

const leaseOf = (mac: string): string => `10.0.9.${Number.parseInt(mac.slice(-2), 16)}/24`;
