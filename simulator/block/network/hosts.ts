import type { Rng } from '#core/rng';
import type { SimulatedProcess } from '#simulator/block/process';
import type { MemorySource } from '#simulator/block/world-memory';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { SimulatedConnection } from './connection.ts';
import type { Face } from './face.ts';
import { link, linkNear, linkWithin, type Link, type LinkTerms } from './link.ts';
import type { PieceMemory } from './piece-memory.ts';

/** Notes what chance decided. */
export type Note = (label: string, value: string | number | boolean) => void;

/** What a simulated network is made of. */
export interface SimulatedNetworkOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly note: Note;
  /** How links are that are told nothing else. */
  readonly terms?: LinkTerms;
  readonly memory?: MemorySource;
}

/** A machine, as the network knows it. */
export interface Host {
  isUp: boolean;
  readonly listeners: Map<number, Listening>;
  nextPort: number;
}

/** A process that listens. */
export interface Listening {
  readonly process: SimulatedProcess;
  readonly connectionsMax: number;
  readonly face: Face;
  readonly connections: Set<SimulatedConnection>;
  onQuiet: (() => void) | undefined;
}

/** What two hosts have between them, and what is connected over it. */
export interface Way {
  readonly link: Link;
  readonly connections: Set<SimulatedConnection>;
  count: number;
}

/** What all parts of one network share. */
export interface NetworkWorld extends SimulatedNetworkOptions {
  readonly pieces: PieceMemory;
  readonly hosts: Map<string, Host>;
  readonly links: Map<string, Way>;
}

// Where, as on Linux, free ports begin.
const firstFreePort = 32_768;

/** A host by its name: up, unless it was heard of before. */
export function hostOf(world: NetworkWorld, name: string): Host {
  const known = world.hosts.get(name);
  if (known) return known;
  const host: Host = { isUp: true, listeners: new Map(), nextPort: firstFreePort };
  world.hosts.set(name, host);
  return host;
}

/** The way between two hosts; between one host and itself, too. */
export function between(world: NetworkWorld, a: string, b: string): Way {
  const ends = a <= b ? ([a, b] as const) : ([b, a] as const);
  const name = ends.join(' ');
  const known = world.links.get(name);
  if (known) return known;
  const terms = a === b ? linkWithin : (world.terms ?? linkNear);
  const made = {
    link: link(world.clock, ends, (host) => hostOf(world, host).isUp, terms),
    connections: new Set<SimulatedConnection>(),
    count: 0,
  };
  world.links.set(name, made);
  return made;
}

/** A port of a host that nobody listens at. */
export function freePort(host: Host): number {
  while (host.listeners.has(host.nextPort)) host.nextPort += 1;
  host.nextPort += 1;
  return host.nextPort - 1;
}
