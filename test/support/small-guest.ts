import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskId, sentinelId } from '#core/ids';
import type { GuestInventory, RateLimit } from '#core/ports/guest-agent';
import { err, ok } from '#core/result';
import { bytes, millis } from '#core/units';
import { makeCertificates } from '#replicator/certificates/make-certificates';
import { openGuests, type Guests, type GuestsOptions } from '#replicator/gateway/guests/guests';
import type { BundleSecrets } from '#replicator/protocol/guest-message';
import { readCredentials } from '#replicator/protocol/credentials';
import { startAgent, type AgentOptions, type RunningAgent } from '#replicator/sentinel/agent/agent';
import type { GuestServices } from '#replicator/sentinel/agent/guest-services';
import { installationAt } from '#replicator/sentinel/agent/installed-agent';
import { thisMachine } from '#replicator/sentinel/agent/this-machine';
import { wallClock } from '#replicator/wall-clock';
import { valueOf } from './value-of.ts';

/** What a small guest says of itself. */
export const smallInventory: GuestInventory = {
  hostname: 'web01',
  os: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' },
  kernels: ['6.1.0-40-amd64'],
  kernel: '6.1.0-40-amd64',
  machine: 'x86_64',
  firmware: 'bios',
  bootLoader: 'grub',
  memory: bytes(2 ** 30),
  processors: 2,
  disks: [
    {
      id: diskId('vda'),
      path: '/dev/vda',
      size: bytes(2 ** 30),
      logicalBlockSize: bytes(512),
      tracking: { possible: true },
      partitions: [{ path: '/dev/vda1', number: 1, start: bytes(2 ** 20), size: bytes(2 ** 29), type: '83' }],
    },
  ],
  volumes: [],
  fileSystems: [],
  swap: [],
  networkShares: [],
  nics: [{ name: 'ens3', mac: '52:54:00:12:34:56', addresses: ['10.0.2.15/24'], driver: 'virtio_net' }],
  routes: ['default via 10.0.2.2 dev ens3'],
  services: [{ name: 'ssh.service', state: 'running' }],
  oldAgents: ['qemu-guest-agent'],
  sentinel: { version: '1.0.0', bootId: 'boot-1' },
};

/** A guest that keeps marks, rests and wakes, and remembers what it was told. */
export interface SmallGuest extends GuestServices {
  readonly marks: Set<string>;
  readonly calls: string[];
  readonly rates: RateLimit[];
  isResting: boolean;
  /** The last that its account was given. */
  password: string;
}

/** A guest in memory, with the behaviour that agents rely on. */
export function smallGuest(): SmallGuest {
  const marks = new Set<string>();
  const calls: string[] = [];
  const keyOf = ({ owner, number }: { readonly owner: string; readonly number: number }) => `${owner}/${number}`;
  const lost = err({ type: 'TrackingLost', disk: diskId('vda'), detail: 'the mark is not there' } as const);
  const done = async (call: string) => {
    calls.push(call);
    return ok(undefined);
  };
  const guest: SmallGuest = {
    can: ['tracking', 'quiesce'],
    marks,
    calls,
    rates: [],
    isResting: false,
    password: '',
    inspect: async () => ok(smallInventory),
    look: async () => {
      const { hostname, disks, sentinel } = smallInventory;
      return ok({ hostname, disks, isAtRest: guest.isResting, sentinel });
    },
    beginMark: async (mark) => {
      marks.add(keyOf(mark));
      return done(`begin ${keyOf(mark)}`);
    },
    advanceMark: async (from, to) => {
      if (!marks.has(keyOf(from))) return lost;
      marks.add(keyOf(to));
      return done(`advance ${keyOf(to)}`);
    },
    changes: async (mark) => (marks.has(keyOf(mark)) ? ok([{ disk: diskId('vda'), dirty: bytes(65_536) }]) : lost),
    dropMark: async (mark) => {
      marks.delete(keyOf(mark));
      return ok(undefined);
    },
    release: async (owner) => {
      for (const mark of [...marks]) if (mark.startsWith(`${owner}/`)) marks.delete(mark);
      return ok(undefined);
    },
    openDisk: async (disk) => (disk === 'vda' ? done(`open ${disk}`) : err({ type: 'DiskNotFound', disk })),
    closeDisks: () => done('close disks'),
    serveDisks: (connection) =>
      new Promise((resolve) => {
        connection.on('close', resolve);
        connection.resume();
      }),
    quiesce: async () => {
      guest.isResting = true;
      return ok({ stopped: [], fileSystems: [{ mountpoint: '/', how: 'remounted' }], took: millis(5) });
    },
    resume: async () => {
      guest.isResting = false;
      return done('resume');
    },
    powerOff: () => done('power off'),
    report: undefined,
    account: async () => {
      guest.password = `secret ${randomUUID()}`;
      return ok({ name: 'look', password: guest.password });
    },
    finalize: () => done('finalize'),
    pace: (rate) => void guest.rates.push(rate),
    get stage() {
      return guest.isResting ? ('quiesced' as const) : ('source' as const);
    },
    measure: async () => ({ lag: millis(10), backlog: bytes(0) }),
    close: async () => undefined,
  };
  return guest;
}

/** The guests' side of a gateway on loopback, and guests that came with its bundles. */
export interface GuestSite {
  readonly folder: string;
  readonly certificates: string;
  readonly guests: Guests;
  readonly log: string[];
  invite(name: string, valid?: number): Promise<BundleSecrets>;
  /** Puts a bundle into a folder, as its script would. */
  unpack(secrets: BundleSecrets, folder?: string): Promise<string>;
  agent(directory: string, options?: Partial<AgentOptions>): Promise<RunningAgent>;
  /** Ends the gateway and starts it again where it was. */
  restart(options?: Partial<GuestsOptions>): Promise<void>;
  close(): Promise<void>;
}

/** Heard ten times a second, and gone after one of silence: tests have no time. */
const rhythm = { heartbeat: millis(100), silence: millis(1_000) };

/** Starts a site in a folder of its own. */
export async function startGuestSite(given: Partial<GuestsOptions> = {}): Promise<GuestSite> {
  const folder = await mkdtemp(join(tmpdir(), 'sealift-guests-'));
  const certificates = join(folder, 'certificates');
  const state = join(folder, 'state');
  await mkdir(state);
  valueOf(await makeCertificates({ directory: certificates }));
  const log: string[] = [];
  const open = async (options: Partial<GuestsOptions>): Promise<Guests> =>
    valueOf(
      await openGuests({
        listen: '127.0.0.1:0',
        credentials: valueOf(await readCredentials(certificates, 'gateway')),
        certificates,
        state,
        clock: wallClock,
        rhythm,
        patience: millis(5_000),
        log: (line) => log.push(line),
        ...given,
        ...options,
      }),
    );
  let guests = await open({});
  const agents = new Set<RunningAgent>();
  return {
    folder,
    certificates,
    log,
    get guests() {
      return guests;
    },
    invite: async (name, valid = hours24) =>
      valueOf(
        await guests.invite({
          ...{ name: sentinelId(name), os: 'linux', standalone: false, valid: millis(valid), by: 'ada' },
        }),
      ),
    unpack: (secrets, given = join(folder, `guest-${secrets.sentinel}`)) => unpackBundle(secrets, given),
    agent: async (directory, options = {}) => {
      const started = await startSmallAgent({ directory, log: (line) => log.push(line), ...options });
      agents.add(started);
      return started;
    },
    restart: async (options = {}) => {
      const listen = guests.address;
      await guests.close();
      guests = await open({ listen, ...options });
    },
    close: async () => {
      await Promise.all([...agents].map((agent) => agent.stop()));
      await guests.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Puts a bundle into a folder, as its script would. */
export async function unpackBundle(
  { sentinel, token, ca, pins, guests: gateway }: BundleSecrets,
  into: string,
): Promise<string> {
  await mkdir(into, { recursive: true });
  await writeFile(join(into, 'sentinel.json'), JSON.stringify({ gateway, sentinel, pins }));
  await writeFile(join(into, 'ca-cert.pem'), ca);
  await writeFile(join(into, 'token'), `${token}\n`);
  return into;
}

/** An agent with short pauses, in a small guest unless another is given. */
export async function startSmallAgent(options: Pick<AgentOptions, 'directory' | 'log'> & Partial<AgentOptions>) {
  const started = await startAgent({
    services: smallGuest(),
    installation: installationAt({ program: undefined, script: undefined }),
    version: '1.0.0',
    bootId: 'boot-1',
    clock: wallClock,
    pauses: { first: millis(20), longest: millis(100), refused: millis(100) },
    machine: { ...thisMachine, pressure: async () => 0 },
    ...options,
  });
  if ('type' in started) throw new Error(JSON.stringify(started));
  return started;
}

const hours24 = 24 * 60 * 60 * 1_000;
