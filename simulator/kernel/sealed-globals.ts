import { InvariantError } from '#core/invariant';

/*
 * What would leak the real world into a simulation throws while one runs. The lint rules see our own code; this sees what
 * that code calls, too: a library that stamps something with the time of day makes a seed that cannot be replayed.
 *
 * The globals are shared by all that runs on a thread, so guards and seals are counted: guarded from the start of the first
 * run to the end of the last, sealed while at least one of them is carrying something out, and open meanwhile for work on the
 * real machine, which may need a timer of its own. Node itself is not concerned: it keeps what it needs of these before any
 * of our code is loaded.
 *
 *     run      |--------------------------------------------|   guards in place, once a run
 *     sealed     |--|  |-----|     |--|  |------------|          they throw; costs an addition
 *     open                             |-----|                  a fact is handed to a log on disk
 */

const byClock = 'take a Clock (core/clock.ts): simulated time is the only time';
const byWait = 'ask Clock.wait, or schedule it on the simulated clock';
const byRng = 'take an Rng (core/rng.ts): what chance decides is replayed from a seed';
const byPort = 'ask a port (core/ports): only adapters talk to the network';

interface Leak {
  /** Looked up when it is sealed: some of these are made when they are first asked for. */
  readonly of: () => object | undefined;
  readonly key: string;
  readonly name: string;
  readonly instead: string;
}

const leaks: readonly Leak[] = [
  { of: () => Date, key: 'now', name: 'Date.now()', instead: byClock },
  { of: () => globalThis.performance, key: 'now', name: 'performance.now()', instead: byClock },
  { of: () => Math, key: 'random', name: 'Math.random()', instead: byRng },
  { of: () => globalThis, key: 'setTimeout', name: 'setTimeout()', instead: byWait },
  { of: () => globalThis, key: 'setInterval', name: 'setInterval()', instead: byWait },
  { of: () => AbortSignal, key: 'timeout', name: 'AbortSignal.timeout()', instead: byWait },
  { of: () => globalThis.crypto, key: 'randomUUID', name: 'crypto.randomUUID()', instead: byRng },
  { of: () => globalThis.crypto, key: 'getRandomValues', name: 'crypto.getRandomValues()', instead: byRng },
  { of: () => globalThis, key: 'fetch', name: 'fetch()', instead: byPort },
];

let runs = 0;
let seals = 0;
let works = 0;
let restore: () => void = () => undefined;

/** One run's hold on the globals. Each call may be made twice without harm. */
export interface GlobalGuards {
  /** From now on they throw. */
  seal(): void;
  /** From now on they do not, as far as this run is concerned. */
  unseal(): void;
  /** Unseals, and has the globals as they were once no run guards them any more. */
  remove(): void;
}

/** Puts guards in front of the globals. They throw nothing until they are sealed. */
export function guardGlobals(): GlobalGuards {
  if (runs === 0) restore = patched();
  runs += 1;
  let isSealed = false;
  let isRemoved = false;
  const unseal = (): void => {
    if (isSealed) seals -= 1;
    isSealed = false;
  };
  return {
    seal() {
      if (!isSealed && !isRemoved) seals += 1;
      isSealed = !isRemoved;
    },
    unseal,
    remove() {
      unseal();
      if (isRemoved) return;
      isRemoved = true;
      runs -= 1;
      if (runs === 0) restore();
    },
  };
}

/** Has something done on the real machine, in the middle of a simulation: no global throws before it returns. */
export function besideSimulation<T>(work: () => T): T {
  works += 1;
  try {
    return work();
  } finally {
    works -= 1;
  }
}

/** As `besideSimulation`, for work that goes on: until it settles. */
export async function besideSimulationUntil<T>(work: Promise<T>): Promise<T> {
  works += 1;
  try {
    return await work;
  } finally {
    works -= 1;
  }
}

function refuse(name: string, instead: string): void {
  if (seals > 0 && works === 0) throw new InvariantError(`${name} was called while a simulation runs: ${instead}`);
}

/** Puts guards in place of the globals, and answers with what takes them away again. */
function patched(): () => void {
  // The constructor comes last: `Date.now` is looked up on the real one, so that who has kept it meets the guard as well.
  const undo = leaks.map(({ of, key, name, instead }) => replace(of(), key, guarded(name, instead)));
  undo.push(replace(globalThis, 'Date', guardedDate));
  return () => {
    for (const put of undo.toReversed()) put();
  };
}

type Callable = (...args: never) => unknown;

// A proxy and not a function: what else hangs on it, such as the promisified form of a timer, stays where it is.
const guarded = (name: string, instead: string) => (original: Callable) =>
  new Proxy(original, {
    apply(target, self, args: never) {
      refuse(name, instead);
      return Reflect.apply(target, self, args);
    },
  });

const guardedDate = (original: Callable): Callable => {
  const guard: Callable = new Proxy(original, {
    apply(target, self, args: never) {
      refuse('Date()', byClock);
      return Reflect.apply(target, self, args);
    },
    // A date made from a number or a text is a calculation, and the same on every machine.
    construct(target, args: readonly unknown[], made) {
      if (args.length === 0) refuse('new Date()', byClock);
      return Reflect.construct(target, args, made === guard ? target : made) as object;
    },
  });
  return guard;
};

function replace(owner: object | undefined, key: string, guard: (original: Callable) => Callable): () => void {
  const original: unknown = owner && Reflect.get(owner, key);
  if (!owner || typeof original !== 'function') return () => undefined;
  // Methods are often inherited: then the guard is laid over them, and taken away to show them again.
  const own = Reflect.getOwnPropertyDescriptor(owner, key);
  const value = guard(original as Callable);
  const shape = { writable: true, configurable: true, enumerable: own?.enumerable ?? false };
  Reflect.defineProperty(owner, key, { ...shape, value });
  return () => {
    // Somebody else may have put something of theirs over it meanwhile. It is theirs to take away; the guard is open.
    if (Reflect.getOwnPropertyDescriptor(owner, key)?.value !== value) return;
    if (own) Reflect.defineProperty(owner, key, own);
    else Reflect.deleteProperty(owner, key);
  };
}
