import type { Caught } from '#test/mutants/caught';
import type { Mutant } from '#test/mutants/mutant';
import type { WorldsAsked } from './searched-worlds.ts';
import type { UntouchedWorlds } from './untouched-worlds.ts';
import type { WorldBundler } from './world-bundle.ts';
import { lawIn } from '#test/mutants/read-test-report';
import { worldRunner, type Ending } from './world-runner.ts';
import type { WalksAsked, WorldAnswer } from './world-thread.ts';

/** How to look for a mutant in worlds. */
export interface HuntTerms {
  /** The first seed, and how many at most. */
  readonly seed: number;
  readonly seeds: number;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** Where to look. */
export interface HuntGround {
  readonly bundler: WorldBundler;
  readonly untouched: UntouchedWorlds;
  readonly worldOf: WorldsAsked;
}

/** What came of it. */
export interface Hunt {
  readonly caught: Caught | undefined;
  /** Seeds that were searched; worlds among them that execute the mutant; and those in which anything happened otherwise. */
  readonly searched: number;
  readonly reached: number;
  readonly differed: number;
}

/** Looks for a mutant with one seed after the other, and stops at the first world that is wrong. */
export async function hunt(
  mutant: Mutant,
  { bundler, untouched, worldOf }: HuntGround,
  { seed: first, seeds, withinMs, signal }: HuntTerms,
): Promise<Hunt> {
  let bundle: Awaited<ReturnType<WorldBundler['mutated']>> | undefined;
  let runner: ReturnType<typeof worldRunner> | undefined;
  const counts = { searched: 0, reached: 0, differed: 0 };
  try {
    for (let seed = first; seed < first + seeds && !signal.aborted; seed += 1) {
      const without = await untouched.of(seed);
      // What fails without the mutant says nothing of it.
      if (without.failures.length > 0) continue;
      counts.searched += 1;
      if (!without.reached.includes(mutant.id)) continue;
      counts.reached += 1;
      bundle ??= await bundler.mutated(mutant);
      runner ??= worldRunner(bundle, withinMs);
      const ending = await runner.run(worldOf(seed));
      const why = wrongWith(ending);
      if (why !== undefined) return { ...counts, caught: caughtBy(why, counts.searched) };
      if (ending.type === 'ended' && ending.answer.hash !== without.hash) counts.differed += 1;
    }
    return { ...counts, caught: undefined };
  } finally {
    await runner?.close();
  }
}

function wrongWith(ending: Ending<WorldAnswer>): string | undefined {
  switch (ending.type) {
    case 'ended':
      return ending.answer.failures[0];
    default:
      return lostBy(ending);
  }
}

const lostBy = (ending: Exclude<Ending<unknown>, { readonly type: 'ended' }>): string =>
  ending.type === 'hung' ? 'it never came to an end' : `its thread died: ${ending.why}`;

const caughtBy = (why: string, seeds: number): Caught => ({
  ...{ catcher: 'worlds', file: null, seeds },
  law: /^L\d+$/.test(why) ? why : null,
  by: why,
});

/** How often each of them is walked. */
export const walksMax: Readonly<Record<WalksAsked['of'], number>> = {
  ...{ charts: 2_000, waves: 2_000, drivers: 2_000, replicas: 2_000, logs: 1_000, pipelines: 2_000 },
  ...{ tracking: 1_000, journals: 1_000, kvm: 2_000, cutovers: 2_000, rests: 2_000, rounds: 400 },
};

/** Looks for a mutant by walking whatever may happen to what it is in, one kind of walk after the other. */
export async function huntInWalks(
  mutant: Mutant,
  bundler: WorldBundler,
  { of, seed, withinMs }: Pick<HuntTerms, 'seed' | 'withinMs'> & { readonly of: readonly WalksAsked['of'][] },
): Promise<Caught | undefined> {
  const runner = worldRunner(await bundler.mutated(mutant), withinMs);
  const found = { catcher: 'layerOne', file: null } as const;
  try {
    for (const kind of of) {
      const ending = await runner.walk({ type: 'walks', of: kind, seed, walks: walksMax[kind] });
      if (ending.type !== 'ended') return { ...found, law: null, by: `${kind}: ${lostBy(ending)}`, seeds: null };
      const { wrong } = ending.answer;
      if (wrong === null) continue;
      return { ...found, law: lawIn(wrong.why), by: `${kind}: ${wrong.why.split('\n')[0] ?? ''}`, seeds: wrong.walk };
    }
    return undefined;
  } finally {
    await runner.close();
  }
}
