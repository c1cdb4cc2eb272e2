import type { Law, LawId } from '#core/laws/law';
import type { RunBlock, RunBlockWith } from '#simulator/block/spec';

/** How worlds are run that end early. */
export interface FirstBreachOptions {
  readonly turn: () => Promise<void>;
  readonly laws: readonly Law[];
  /** The law of them whose breach ends a world. */
  readonly law: LawId;
}

/**
 * Runs worlds and ends each as soon as a law is broken by a fact: what comes later has no part in it, and whoever shrinks
 * runs many. What only the end of a log breaks is found at its end, as before.
 */
export const runToFirstBreach =
  (run: RunBlockWith, { turn, laws, law }: FirstBreachOptions): RunBlock =>
  (spec) => {
    const broken = new AbortController();
    const watched = laws.map((each) => (each.id === law ? telling(each, () => broken.abort()) : each));
    return run(spec, { turn, laws: watched, signal: broken.signal });
  };

const telling = (law: Law, onBreach: () => void): Law => ({
  ...law,
  begin: (witness, waves) => {
    const judge = law.begin(witness, waves);
    return {
      ...(judge.end && { end: judge.end.bind(judge) }),
      of: (type) => {
        const take = judge.of(type);
        return (entry, nth) => {
          const why = take(entry, nth);
          if (why !== undefined) onBreach();
          return why;
        };
      },
    };
  },
});
