import { readFile } from 'node:fs/promises';
import { setImmediate as turn, setTimeout as nodesOwnTimer } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { InvariantError } from '#core/invariant';
import { besideSimulation, besideSimulationUntil, guardGlobals, type GlobalGuards } from './sealed-globals.ts';

// Under another name: what is looked at here is nothing to be used anywhere.
const { globals } = { globals: { Math } };

const leaks: readonly (readonly [name: string, leak: () => unknown])[] = [
  ['Date.now()', () => Date.now()],
  ['new Date()', () => new Date()],
  ['Date()', () => Date()],
  ['performance.now()', () => performance.now()],
  ['Math.random()', () => globals.Math.random()],
  ['setTimeout()', () => clearTimeout(setTimeout(() => undefined, 0))],
  ['setInterval()', () => clearInterval(setInterval(() => undefined, 1_000))],
  ['AbortSignal.timeout()', () => AbortSignal.timeout(1)],
  ['crypto.randomUUID()', () => crypto.randomUUID()],
  ['crypto.getRandomValues()', () => crypto.getRandomValues(new Uint8Array(1))],
  // A `data:` address, so that nothing is asked of a network.
  ['fetch()', () => fetch('data:,x')],
];
// What hangs where, own or inherited: a guard that stayed would be seen here.
const places: readonly (readonly [owner: object, keys: readonly string[]])[] = [
  [globalThis, ['Date', 'setTimeout', 'setInterval', 'setImmediate', 'fetch']],
  [Date, ['now']],
  [Math, ['random']],
  [performance, ['now']],
  [AbortSignal, ['timeout']],
  [crypto, ['randomUUID', 'getRandomValues']],
];
const standing = () =>
  places.flatMap(([owner, keys]) =>
    keys.flatMap((key) => [Reflect.getOwnPropertyDescriptor(owner, key), Reflect.get(owner, key) as unknown]),
  );
const before = standing();
const asBefore = (): void => {
  for (const [i, thing] of standing().entries())
    if (typeof thing === 'function') expect(thing).toBe(before[i]);
    else expect(thing).toEqual(before[i]);
};
const ownRandom = Object.getOwnPropertyDescriptors(Math).random;
const { now: keptNow } = Date;
const KeptDate = Date;

const guards: GlobalGuards[] = [];
const guarded = (): GlobalGuards => {
  const made = guardGlobals();
  guards.push(made);
  return made;
};
const sealed = (): GlobalGuards => {
  const made = guarded();
  made.seal();
  return made;
};
afterEach(() => {
  for (const made of guards.splice(0)) made.remove();
  asBefore();
});

describe('while a simulation runs', () => {
  it.each(leaks)('%s throws and says what to take instead', (name, leak) => {
    sealed();
    expect(leak).toThrow(InvariantError);
    expect(leak).toThrow(`${name} was called while a simulation runs: `);
    expect(leak).toThrow(/take a|ask /);
  });

  it.each(leaks)('%s is as it was once it is over', async (_name, leak) => {
    sealed().remove();
    await leak();
    asBefore();
  });

  it('dates made from something are calculations, and are left alone', () => {
    sealed();
    expect(new Date(86_400_000).toISOString()).toBe('1970-01-02T00:00:00.000Z');
    expect([Date.UTC(1970, 0, 2), Date.parse('1970-01-02')]).toEqual([86_400_000, 86_400_000]);
    expect(new Date(0)).toBeInstanceOf(Date);
    class Day extends Date {}
    expect(new Day(0)).toBeInstanceOf(Day);
    expect(() => new Day()).toThrow(InvariantError);
  });

  it('what was kept from before is guarded where it can be', () => {
    sealed();
    expect(() => KeptDate.now()).toThrow(InvariantError);
    // The one way around: whoever took the function itself. The lint rules do not let our own code do that.
    expect(keptNow()).toBeGreaterThan(0);
  });

  it('Node goes on: turns of its loop, its own timers, files', async () => {
    sealed();
    await turn();
    await nodesOwnTimer(0);
    expect(await readFile(new URL(import.meta.url), 'utf8')).toContain('sealGlobals');
    await new Promise((resolve) => setImmediate(resolve));
    expect(promisify(setImmediate)).toBeTypeOf('function');
  });
});

describe('between the steps of a simulation', () => {
  it('they are as usable as ever, and throw again in the next step', async () => {
    const run = guarded();
    for (const [, leak] of leaks) await leak();
    run.seal();
    run.seal();
    expect(() => performance.now()).toThrow(InvariantError);
    run.unseal();
    run.unseal();
    expect(performance.now()).toBeGreaterThan(0);
    run.seal();
    expect(() => performance.now()).toThrow(InvariantError);
  });
});

describe('work on the real machine', () => {
  it('has all of them, be it that a simulation runs around it', async () => {
    sealed();
    await besideSimulationUntil(
      (async () => {
        await turn();
        for (const [, leak] of leaks) await leak();
        await promisify(setTimeout)(0);
      })(),
    );
    expect(() => performance.now()).toThrow(InvariantError);
    expect(besideSimulation(() => performance.now())).toBeGreaterThan(0);
    expect(() => performance.now()).toThrow(InvariantError);
  });

  it('is over when the last piece of it is, be it that it failed', async () => {
    sealed();
    const long = besideSimulationUntil(turn().then(turn));
    await expect(besideSimulationUntil(Promise.reject(new Error('full')))).rejects.toThrow('full');
    expect(() =>
      besideSimulation(() => {
        throw new Error('full');
      }),
    ).toThrow('full');
    expect(performance.now()).toBeGreaterThan(0);
    await long;
    expect(() => performance.now()).toThrow(InvariantError);
  });
});

describe('several simulations on one thread', () => {
  it('are sealed until the last is over, in whatever order they end', () => {
    const [first, second] = [sealed(), sealed()];
    first.remove();
    first.remove();
    expect(() => globals.Math.random()).toThrow(InvariantError);
    second.unseal();
    expect(globals.Math.random()).toBeLessThan(1);
    first.seal();
    expect(globals.Math.random()).toBeLessThan(1);
    second.remove();
    asBefore();
  });

  it('may begin anew', () => {
    for (let i = 0; i < 3; i += 1) {
      const run = sealed();
      expect(() => globals.Math.random()).toThrow(InvariantError);
      run.remove();
      asBefore();
    }
  });
});

it('what somebody else puts over a guard is left alone, and works', () => {
  const run = sealed();
  const theirOriginal = globals.Math.random;
  const theirs = (): number => theirOriginal() / 2;
  globals.Math.random = theirs;
  run.remove();
  expect(globals.Math.random).toBe(theirs);
  expect(globals.Math.random()).toBeLessThan(0.5);
  Reflect.defineProperty(Math, 'random', ownRandom);
});
