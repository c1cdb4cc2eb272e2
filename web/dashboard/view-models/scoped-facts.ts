import type { StreamId } from '#core/event-log/event-log';
import type { History } from './history.ts';

/** The facts of some streams, kept up with the history: only what came since is looked at. */
export class ScopedFacts {
  readonly #streams: ReadonlySet<StreamId>;
  readonly #history: History;
  readonly #indexes: number[] = [];
  #seen = 0;

  constructor(history: History, streams: ReadonlySet<StreamId>) {
    this.#history = history;
    this.#streams = streams;
  }

  /** Their places in the history, ascending. The same array each time: it grows. */
  indexes(): readonly number[] {
    for (; this.#seen < this.#history.count; this.#seen += 1)
      if (this.#streams.has(this.#history.fact(this.#seen).stream)) this.#indexes.push(this.#seen);
    return this.#indexes;
  }
}
