import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Mutant } from '#test/mutants/mutant';
import type { WorldsAsked } from './searched-worlds.ts';
import type { WorldBundler } from './world-bundle.ts';
import { worldRunner } from './world-runner.ts';
import type { WorldAnswer } from './world-thread.ts';

/** What worlds come to without any mutant, and which mutants they reach. */
export interface UntouchedWorlds {
  /** Throws where a world does not come to an end: then nothing can be said of mutants. */
  of(seed: number): Promise<WorldAnswer>;
  close(): Promise<void>;
}

const answer = z.object({ failures: z.array(z.string()), hash: z.string(), reached: z.array(z.string()) });
const kept = z.object({ terms: z.string(), worlds: z.record(z.string(), answer) });

/** What is wanted of worlds as they are. */
export interface UntouchedOptions {
  /** Those whose lines are marked. */
  readonly mutants: readonly Mutant[];
  readonly worldOf: WorldsAsked;
  /** The file that remembers. */
  readonly path: string;
  readonly withinMs: number;
}

/** Worlds of the code as it is. What they came to is kept in a file, for as long as that code stays the same. */
export async function untouchedWorlds(
  bundler: WorldBundler,
  { mutants, path, withinMs, worldOf }: UntouchedOptions,
): Promise<UntouchedWorlds> {
  const bundle = await bundler.untouched(mutants);
  const runner = worldRunner(bundle, withinMs);
  const before = readKept(path);
  // Of other sizes, worlds are other worlds.
  const terms = `${bundle.hash} ${worldOf(1).spec.vms.length}`;
  const worlds: Record<string, WorldAnswer> = before?.terms === terms ? before.worlds : {};
  const asked = new Map<number, Promise<WorldAnswer>>();
  let last: Promise<unknown> = Promise.resolve();
  const ran = (seed: number): Promise<WorldAnswer> => {
    const next = last.then(async () => {
      const ending = await runner.run(worldOf(seed));
      if (ending.type !== 'ended') throw new Error(`without any mutant the world of seed ${seed} ${ending.type}`);
      worlds[seed] = ending.answer;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(`${path}.new`, JSON.stringify({ terms, worlds }));
      renameSync(`${path}.new`, path);
      return ending.answer;
    });
    last = next.catch(() => undefined);
    return next;
  };
  return {
    of: (seed) => {
      const known = worlds[seed];
      if (known) return Promise.resolve(known);
      const running = asked.get(seed) ?? ran(seed);
      asked.set(seed, running);
      return running;
    },
    close: () => runner.close(),
  };
}

function readKept(path: string): z.infer<typeof kept> | undefined {
  try {
    return kept.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    // None, or half of one: then they are run again.
    return undefined;
  }
}
