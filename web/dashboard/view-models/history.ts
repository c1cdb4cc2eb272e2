import { categoryOf, type Position, type RecordedFact, type StreamId } from '#core/event-log/event-log';
import {
  foldMigrationView,
  foldWaveView,
  type FoldedFact,
  type MigrationView,
  type WaveView,
} from '#core/fleet/fleet-view';
import type { MigrationFact } from '#core/migration/facts';
import { foldNotes, isNoted, noNotes, type Notes } from '#core/migration/notes';
import type { FactText } from '#core/text/fact-text';
import { describeRecorded } from '#core/text/timeline';
import { instant, type Instant } from '#core/units';
import { migrationRow, waveRow, type MigrationRow, type WaveRow } from './row.ts';
import { countUpTo } from './sorted.ts';
import { StreamHistory } from './stream-history.ts';

/** What the page keeps of a recorded fact. */
export interface HistoryFact {
  readonly position: Position;
  readonly stream: StreamId;
  readonly type: string;
  readonly data: object;
  readonly metadata: { readonly time: Instant; readonly actor: string };
}

/** Something worth a mark on the scrubber. */
export interface Mark {
  readonly index: number;
  readonly time: Instant;
  readonly stream: StreamId;
  readonly severity: FactText['severity'];
}

/** One migration over its whole history. */
export type MigrationHistory = StreamHistory<MigrationView, MigrationRow>;
/** One wave over its whole history. */
export type WaveHistory = StreamHistory<WaveView, WaveRow>;

const migrationKind = { fold: foldMigrationView, row: migrationRow };
const waveKind = { fold: foldWaveView, row: waveRow };
// No list shows notes, so one row stands for all.
const noRow = {};
const notesKind = {
  fold: (notes: Notes | undefined, fact: FoldedFact): Notes =>
    foldNotes(notes ?? noNotes, fact as MigrationFact & FoldedFact, fact.metadata.time),
  row: () => noRow,
};

/**
 * All facts that have come, and the fleet at any moment of them. A moment is an *index*: the place of the last fact that has
 * happened, -1 before the first. Times may step back (a clock was set); the history goes by the latest time so far.
 */
export class History {
  readonly migrations = new Map<string, MigrationHistory>();
  readonly waves = new Map<string, WaveHistory>();
  /** Everything but reports of progress and bookkeeping, oldest first. */
  readonly marks: Mark[] = [];
  readonly #facts: HistoryFact[] = [];
  readonly #positions: number[] = [];
  readonly #times: number[] = [];
  readonly #texts = new Map<string, string>();
  /** Where the facts stand that notes are made of, by migration. */
  readonly #noted = new Map<string, number[]>();
  #notes: StreamHistory<Notes, object> | undefined;
  readonly #factAt = (index: number): HistoryFact => {
    const fact = this.#facts[index];
    if (!fact) throw new RangeError(`there is no fact ${index} of ${this.#facts.length}`);
    return fact;
  };

  /** How many facts there are. */
  get count(): number {
    return this.#facts.length;
  }

  /** The index of the newest fact; -1 when there is none. */
  get lastIndex(): number {
    return this.#facts.length - 1;
  }

  /** Where to go on reading the log. */
  get head(): Position {
    return this.#facts.at(-1)?.position ?? (0 as Position);
  }

  /** The first and the last moment; null while there is no fact. */
  get span(): { readonly from: Instant; readonly to: Instant } | null {
    const [first, last] = [this.#times[0], this.#times.at(-1)];
    return first === undefined || last === undefined ? null : { from: instant(first), to: instant(last) };
  }

  /** Takes facts in log order; those that came before are passed over. Answers how many were new. */
  append(facts: readonly RecordedFact[]): number {
    const before = this.#facts.length;
    for (const fact of facts) if (fact.position > this.head) this.#add(fact);
    return this.#facts.length - before;
  }

  /** The fact at an index. Throws a `RangeError` where there is none. */
  fact(index: number): HistoryFact {
    return this.#factAt(index);
  }

  /** The latest time up to an index. */
  timeAt(index: number): Instant | null {
    const time = this.#times[Math.min(index, this.lastIndex)];
    return time === undefined ? null : instant(time);
  }

  /** The index of the last fact that had happened at a time; -1 before the first. */
  indexAtTime(time: number): number {
    return countUpTo(this.#times, time) - 1;
  }

  /** The index of the last fact that stands at or before a position; -1 before the first. */
  indexAtPosition(position: number): number {
    return countUpTo(this.#positions, position) - 1;
  }

  /** Every migration as it was at an index, in the order in which they were drafted. */
  rowsAt(index: number): readonly MigrationRow[] {
    return [...this.migrations.values()].flatMap((stream) => stream.rowAt(index) ?? []);
  }

  /** Every wave as it was at an index. */
  waveRowsAt(index: number): readonly WaveRow[] {
    return [...this.waves.values()].flatMap((stream) => stream.rowAt(index) ?? []);
  }

  /** One migration as it was at an index. */
  migrationAt(id: string, index: number): MigrationView | undefined {
    return this.migrations.get(id)?.viewAt(index, this.#factAt);
  }

  /**
   * What was told of a migration up to an index. Folded when it is looked at, and kept for one migration at a time: for all
   * of a large fleet it would be too much, and a page shows one.
   */
  notesAt(id: string, index: number): Notes {
    const indexes = this.#noted.get(id) ?? [];
    const notes = this.#notes?.id === id ? this.#notes : new StreamHistory(id, notesKind);
    this.#notes = notes;
    for (let n = notes.indexes.length; n < indexes.length; n += 1) {
      const at = indexes[n] ?? 0;
      notes.add(this.#factAt(at), at);
    }
    return notes.viewAt(index, this.#factAt) ?? noNotes;
  }

  /** One wave as it was at an index. */
  waveAt(id: string, index: number): WaveView | undefined {
    return this.waves.get(id)?.viewAt(index, this.#factAt);
  }

  #add({ position, stream, type, data, metadata }: RecordedFact): void {
    const { time, actor } = metadata;
    const fact: HistoryFact = {
      position,
      stream: this.#once(stream),
      type: this.#once(type),
      data,
      metadata: { time, actor: this.#once(actor) },
    };
    const index = this.#facts.length;
    this.#facts.push(fact);
    this.#positions.push(position);
    this.#times.push(Math.max(time, this.#times.at(-1) ?? 0));
    const category = categoryOf(stream);
    const id = stream.slice(category.length + 1);
    if (category === 'migration') {
      added(this.migrations, id, () => new StreamHistory(id, migrationKind)).add(fact, index);
      if (isNoted(type)) added(this.#noted, id, () => []).push(index);
    }
    if (category === 'wave') added(this.waves, id, () => new StreamHistory(id, waveKind)).add(fact, index);
    // Reports of progress are most of a log, and none of them is worth a mark.
    if (type === 'RoundProgressed') return;
    const { severity } = describeRecorded(fact);
    if (severity !== 'note') this.marks.push({ index, time, stream: fact.stream, severity });
  }

  // Every fact that is parsed brings its own copy of the same few names; over a million facts that is most of the memory.
  #once<T extends string>(text: T): T {
    return added(this.#texts, text, () => text) as T;
  }
}

function added<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
