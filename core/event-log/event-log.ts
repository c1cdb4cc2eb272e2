import type { CommandId, FactId } from '#core/ids';
import type { Result } from '#core/result';
import type { Instant } from '#core/units';

/** What happened: a past-tense type and JSON-shaped data (no `Date`, `Map`, class instance or `undefined`). */
export interface Fact {
  readonly type: string;
  readonly data: object;
}

declare const unit: unique symbol;
/** The number of a fact within its stream, from 0, without gaps. */
export type Revision = number & { readonly [unit]: 'Revision' };
/** Where a fact stands in the whole log. Grows with time; gaps are allowed. Every fact stands after position 0. */
export type Position = number & { readonly [unit]: 'Position' };
/** The name of a stream: a category, a dash, an id (`migration-web01`, `wave-7`). */
export type StreamId = `${string}-${string}`;

/** Checks and brands a revision. */
export const revision = (n: number): Revision => checked('revision', n) as Revision;
/** Checks and brands a position. */
export const position = (n: number): Position => checked('position', n) as Position;
function checked(name: string, n: number): number {
  if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`${name} must be a natural number, got ${n}`);
  return n;
}
/** The part of a stream's name before the first dash. */
export const categoryOf = (stream: StreamId): string => stream.slice(0, stream.indexOf('-'));

/** Who and why. Everything an auditor asks of one fact beside what happened. */
export interface FactMetadata {
  readonly time: Instant;
  /** `operator:<name>`, `planner`, `driver` or `world`: who caused it. */
  readonly actor: string;
  /** The command that led to it, if one did. */
  readonly commandId?: CommandId;
  /** The fact that directly led to it. */
  readonly causationId?: FactId;
  /** What all facts of one undertaking share: the wave or the migration. */
  readonly correlationId: string;
  /** The version of the shapes in `data`. A log from a newer one is refused; an older one is upcast, never rewritten. */
  readonly schemaVersion: number;
  /** The chart that judged it. */
  readonly model: { readonly id: string; readonly version: string };
}

/** A fact on its way into the log. `id` makes the append idempotent. */
export interface ProposedFact<F extends Fact = Fact> {
  readonly id: FactId;
  readonly type: F['type'];
  readonly data: F['data'];
  readonly metadata: FactMetadata;
}

/** A fact as the log holds it. */
export interface RecordedFact<F extends Fact = Fact> {
  readonly id: FactId;
  readonly stream: StreamId;
  readonly revision: Revision;
  readonly position: Position;
  readonly type: F['type'];
  readonly data: F['data'];
  /** `previousHash`: SHA-256 (hex) of the fact before it in the stream, 64 zeroes for the first (see `chain.ts`). */
  readonly metadata: FactMetadata & { readonly previousHash: string };
}

/** What the writer believes the stream to be at: does not exist, is at this revision, or does not care. */
export type ExpectedRevision = 'none' | Revision | 'any';

/** Where an append ended up: the revision and position of its last fact. */
export interface Appended {
  readonly revision: Revision;
  readonly position: Position;
}

/** Why nothing was appended. Nothing of a refused batch is in the log, ever. */
export type AppendError =
  /** Someone else wrote. `actual` is the revision of the stream's last fact, or `none`. */
  | {
      readonly type: 'RevisionConflict';
      readonly stream: StreamId;
      readonly expected: ExpectedRevision;
      readonly actual: Revision | 'none';
    }
  /** No room. Free some and append again; what was acknowledged before is safe. */
  | { readonly type: 'LogFull'; readonly where: string; readonly detail: string }
  /** The store cannot be reached or refused for a reason of its own. Whether the batch was written may be unknown. */
  | {
      readonly type: 'LogUnavailable';
      readonly where: string;
      readonly detail: string;
      readonly written: 'no' | 'unknown';
    }
  /** The log was closed. */
  | { readonly type: 'LogClosed' };

/** Why a log could not be opened or read. Nothing was changed. */
export type LogFault =
  | { readonly type: 'LogNotFound'; readonly where: string }
  /** A file that is not ours: another program's database, or no database. */
  | { readonly type: 'LogForeign'; readonly where: string; readonly detail: string }
  | { readonly type: 'LogCorrupt'; readonly where: string; readonly detail: string }
  | { readonly type: 'LogTooNew'; readonly where: string; readonly schemaVersion: number; readonly supported: number }
  | { readonly type: 'LogUnreachable'; readonly where: string; readonly detail: string };

/** Thrown by reads, which are iterations and have no `Result`; the fault is in `fault`. */
export class LogReadError extends Error {
  override readonly name = 'LogReadError';
  readonly fault: LogFault;
  constructor(fault: LogFault, options?: ErrorOptions) {
    super(describeLogFault(fault), options);
    this.fault = fault;
  }
}

/** Facts of one stream, oldest first unless `backwards`. */
export interface ReadStreamOptions {
  /** The first revision to read (going backwards: the last). Default: the stream's start (end). */
  readonly from?: Revision;
  readonly backwards?: boolean;
  readonly limit?: number;
  /** As written, without upcasting: what the hash chain is over. For audits and copies; whoever folds facts leaves it out. */
  readonly asStored?: boolean;
}

/** Facts of all streams in log order. */
export interface ReadAllOptions {
  /** Read what stands after this position. Default: from the start. */
  readonly after?: Position;
  /** Only streams of this category (`migration`, `wave`). */
  readonly category?: string;
  readonly limit?: number;
  /** As written, without upcasting: what the hash chain is over. For audits and copies; whoever folds facts leaves it out. */
  readonly asStored?: boolean;
}

/** Facts of all streams, those that are there and then those that come. */
export interface SubscribeOptions {
  readonly after?: Position;
  readonly category?: string;
  /** Ends the subscription. */
  readonly signal?: AbortSignal;
}

/**
 * What happened, in order, for ever. Facts are added, never changed.
 *
 * `append` resolves once the facts are durable. Appending the very batch that already stands at the expected place
 * (same ids) answers as the first time did: a writer whose answer was lost may simply ask again. With `any` the place is
 * looked for near the end of the stream (see `append-rule.ts`).
 *
 * Reads give what is there when they start and then end, however fast others append. `subscribe` goes on.
 */
export interface EventLog {
  /** Adds all facts or none. `facts` must not be empty. */
  append(
    stream: StreamId,
    facts: readonly ProposedFact[],
    expected: ExpectedRevision,
  ): Promise<Result<Appended, AppendError>>;
  /** A stream that does not exist yields nothing. Throws `LogReadError`. */
  readStream(stream: StreamId, options?: ReadStreamOptions): AsyncIterable<RecordedFact>;
  /** Throws `LogReadError`. */
  readAll(options?: ReadAllOptions): AsyncIterable<RecordedFact>;
  /**
   * First everything after `after`, then each new fact as it is appended (also by other processes), each exactly once and
   * in order. Ends when `signal` is aborted or the log closes. Throws `LogReadError`.
   */
  subscribe(options?: SubscribeOptions): AsyncIterable<RecordedFact>;
  /** Waits for appends in flight, ends subscriptions, lets go of the store. Idempotent. */
  close(): Promise<void>;
}

/** One sentence for a person: what is wrong, where, and what to do next. */
export function describeLogFault(fault: LogFault): string {
  switch (fault.type) {
    case 'LogNotFound':
      return `there is no event log at ${fault.where}; check the path, or start a run that makes one`;
    case 'LogForeign':
      return `${fault.where} is not a Sealift event log (${fault.detail}); it was left untouched, give another file`;
    case 'LogCorrupt':
      return `the event log ${fault.where} is damaged (${fault.detail}); it was left untouched: copy it aside and restore it from a backup, or save what is readable with "sqlite3 ${fault.where} .recover"`;
    case 'LogTooNew':
      return `the event log ${fault.where} was written by a newer Sealift (schema ${fault.schemaVersion}, this one reads up to ${fault.supported}); it was left untouched, use that release or a later one`;
    case 'LogUnreachable':
      return `the event log ${fault.where} cannot be reached (${fault.detail}); check that it runs and may be accessed`;
  }
}
