import { calledOff } from '#core/called-off';
import type { WorkItem } from './model.ts';
import type { Finding, Outcome, World } from './world.ts';

/**
 * A world that is told what to begin and calls back, for virtual time: there a promise for every piece of work would be
 * most of what a rehearsal costs. It promises what `World` does; `promised` makes one of the other.
 */
export interface SteppedWorld<F, E> {
  /** Begins the work. `done` is called once, at the latest soon after it was let go: then what it is told is dropped. */
  perform(work: WorkItem<E>, told: Told<F>): LetGo;
  /** Finds out whether work that was asked for was done, without doing it. */
  reconcile(work: WorkItem<E>, found: (finding: Finding<F>) => void): LetGo;
}

/** Who hears of a piece of work. */
export interface Told<F> {
  /** Takes a fact about work that still goes on, such as its progress. Stale ones are dropped. */
  readonly report: (fact: F) => void;
  readonly done: (outcome: Outcome<F>) => void;
}

/** Says that nobody wants the work any more. Does nothing once it is done. */
export type LetGo = () => void;

/** A stepped world for those who wait for promises, such as the driver of a live run. */
export function promised<F, E>(world: SteppedWorld<F, E>): World<F, E> {
  return {
    perform: (work, report, signal) => settled(signal, (done) => world.perform(work, { report, done })),
    reconcile: (work, signal) => settled(signal, (found) => world.reconcile(work, found)),
  };
}

function settled<T>(signal: AbortSignal, begin: (done: (value: T) => void) => LetGo): Promise<T> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const letGo = begin((value) => {
      over.abort(calledOff);
      resolve(value);
    });
    if (signal.aborted) letGo();
    // Whoever is done listens no longer, so that a signal that lives long does not gather listeners.
    else if (!over.signal.aborted) signal.addEventListener('abort', letGo, { once: true, signal: over.signal });
  });
}
