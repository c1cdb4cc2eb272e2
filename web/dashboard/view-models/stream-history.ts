import type { FoldedFact } from '#core/fleet/fleet-view';
import { sameRow } from './row.ts';
import { countUpTo } from './sorted.ts';

/** How the facts of one stream are folded, and what of the fold a list shows. */
export interface StreamKind<V, R> {
  fold(view: V | undefined, fact: FoldedFact): V;
  row(view: V): R;
}

// A view is folded anew from the nearest checkpoint: at most so many facts, which takes a few milliseconds.
const checkpointEvery = 32;

/**
 * One stream, at any moment. The whole state is kept at every 32nd fact and folded on from there; the row of a list is kept
 * for every fact that changed it, so that thousands of streams are shown at a moment without folding anything.
 */
export class StreamHistory<V, R extends object> {
  readonly id: string;
  /** Where each fact of this stream stands in the whole history, ascending. */
  readonly indexes: number[] = [];
  readonly #kind: StreamKind<V, R>;
  readonly #checkpoints: V[] = [];
  readonly #rows: R[] = [];
  readonly #rowIndexes: number[] = [];
  #latest: V | undefined;
  #cached: { readonly count: number; readonly view: V } | undefined;

  constructor(id: string, kind: StreamKind<V, R>) {
    this.id = id;
    this.#kind = kind;
  }

  /** Takes the next fact, which stands at `index` of the whole history. */
  add(fact: FoldedFact, index: number): void {
    const view = this.#kind.fold(this.#latest, fact);
    this.#latest = view;
    this.indexes.push(index);
    if (this.indexes.length % checkpointEvery === 0) this.#checkpoints.push(view);
    const row = this.#kind.row(view);
    const last = this.#rows.at(-1);
    if (last !== undefined && sameRow(last, row)) return;
    this.#rows.push(row);
    this.#rowIndexes.push(index);
  }

  /** How many facts of this stream stand up to `index`. */
  countAt(index: number): number {
    return countUpTo(this.indexes, index);
  }

  /** Its row after the fact at `index` of the whole history; undefined before its first fact. */
  rowAt(index: number): R | undefined {
    return this.#rows[countUpTo(this.#rowIndexes, index) - 1];
  }

  /** Each row with the place in the whole history from which it held, oldest first. */
  *rows(): Iterable<readonly [index: number, row: R]> {
    for (const [n, row] of this.#rows.entries()) yield [this.#rowIndexes[n] ?? 0, row];
  }

  /** The newest view. */
  get latest(): V | undefined {
    return this.#latest;
  }

  /** Its state after the fact at `index` of the whole history. `factAt` gives the facts of the whole history. */
  viewAt(index: number, factAt: (index: number) => FoldedFact): V | undefined {
    const count = this.countAt(index);
    if (count === this.indexes.length) return this.#latest;
    if (this.#cached?.count === count) return this.#cached.view;
    const checkpoint = Math.floor(count / checkpointEvery);
    // Playing forwards asks for the next state again and again: go on from the last answer when that is nearer.
    const cached = this.#cached && this.#cached.count < count ? this.#cached : undefined;
    const near = cached && cached.count > checkpoint * checkpointEvery ? cached : undefined;
    let view = near ? near.view : this.#checkpoints[checkpoint - 1];
    for (let n = near ? near.count : checkpoint * checkpointEvery; n < count; n += 1)
      view = this.#kind.fold(view, factAt(this.indexes[n] ?? 0));
    if (view !== undefined) this.#cached = { count, view };
    return view;
  }
}
