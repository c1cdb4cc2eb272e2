import type { WorkItem } from './model.ts';

/** What performing an effect came to. `unknown` is for side effects only: an answer that was lost. */
export type Outcome<F> =
  { readonly type: 'facts'; readonly facts: readonly F[] } | { readonly type: 'unknown'; readonly why: string };

/** What the world says when it is asked whether it did something. */
export type Finding<F> =
  | { readonly type: 'done'; readonly facts: readonly F[] }
  | { readonly type: 'notDone' }
  | { readonly type: 'cannotTell'; readonly why: string };

/**
 * Performs effects: the live world with hypervisors and disks, a simulated one under a seed. Whoever reads the log
 * cannot tell which. Performing twice under one key is performing once.
 */
export interface World<F, E> {
  /**
   * Does the work and says what came of it. Never rejects for what the outside does: that is a fact. Once `signal` is
   * aborted nobody wants the work any more: it returns soon, and what it returns is dropped. No other work is begun
   * before it has returned.
   */
  perform(work: WorkItem<E>, report: Report<F>, signal: AbortSignal): Promise<Outcome<F>>;
  /** Finds out whether work that was asked for was done, without doing it. */
  reconcile(work: WorkItem<E>, signal: AbortSignal): Promise<Finding<F>>;
}

/** Takes a fact about work that still goes on, such as its progress. Stale ones are dropped. */
export type Report<F> = (fact: F) => void;
