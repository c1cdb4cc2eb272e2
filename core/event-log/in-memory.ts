import { err, ok, type Result } from '#core/result';
import { checkBatch, judgeAppend } from './append-rule.ts';
import { chainStart, hashOf } from './chain.ts';
import {
  categoryOf,
  LogReadError,
  position,
  revision,
  type AppendError,
  type Appended,
  type EventLog,
  type ExpectedRevision,
  type Position,
  type ProposedFact,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedFact,
  type Revision,
  type StreamId,
} from './event-log.ts';
import { follow, followers, type Page } from './follow.ts';
import { upcast } from './upcast.ts';

// Long enough that looking for the next page costs nothing beside the facts, short enough that a subscriber that stops
// early has not made others wait.
const pageFacts = 512;
const where = 'in memory';

/**
 * A log that lives as long as this process: for rehearsals, simulations and tests. It keeps the facts it is given and does
 * not copy them, so whoever changes one after appending it changes history; `readonly` says so.
 *
 * Hashes are computed when somebody first reads one. A rehearsal of ten thousand VMs writes a million facts, and hardly
 * any of its readers asks.
 */
export function inMemoryEventLog(): EventLog {
  const all: RecordedFact[] = [];
  const streams = new Map<StreamId, Stream>();
  const line = followers();

  const record = (stream: StreamId, held: Stream, { id, type, data, metadata }: ProposedFact): void => {
    const at = held.facts.length;
    const fact: RecordedFact = {
      id,
      stream,
      revision: at as Revision,
      position: (all.length + 1) as Position,
      type,
      data,
      metadata: {
        ...metadata,
        get previousHash() {
          return held.hashBefore(at);
        },
      },
    };
    held.facts.push(fact);
    all.push(fact);
  };

  const append = (
    stream: StreamId,
    facts: readonly ProposedFact[],
    expected: ExpectedRevision,
  ): Result<Appended, AppendError> => {
    if (line.ended) return err({ type: 'LogClosed' });
    const held = streams.get(stream) ?? newStream();
    const last = held.facts.length - 1;
    const verdict = judgeAppend(facts, expected, {
      last,
      idsFrom: (first, count) => held.facts.slice(first, first + count).map(({ id }) => id),
    });
    if (verdict.type === 'conflict') {
      const actual = last < 0 ? 'none' : revision(last);
      return err({ type: 'RevisionConflict', stream, expected, actual });
    }
    if (verdict.type === 'add') {
      streams.set(stream, held);
      for (const fact of facts) record(stream, held, fact);
      line.wake();
    }
    const end = held.facts[verdict.type === 'add' ? held.facts.length - 1 : verdict.last];
    return ok({ revision: revision(end?.revision ?? 0), position: position(end?.position ?? 0) });
  };

  return {
    append: async (stream, facts, expected) => {
      checkBatch(facts);
      return append(stream, facts, expected);
    },
    readStream: (stream, options = {}) => readStream(streams.get(stream)?.facts ?? [], options, line),
    readAll: (options = {}) => readAll(all, options, line),
    subscribe: ({ category, ...options } = {}) => follow((after) => pageAfter(all, after, category), line, options),
    close: async () => line.end(),
  };
}

interface Stream {
  readonly facts: RecordedFact[];
  /** The hash of the fact before revision `at`. */
  hashBefore(at: number): string;
}

function newStream(): Stream {
  const facts: RecordedFact[] = [];
  const hashes: string[] = [chainStart];
  const hashBefore = (at: number): string => {
    // From the oldest unknown on: each hash needs the one before it, and asking backwards would recurse as deep as the
    // stream is long.
    for (let next = hashes.length; next <= at; next += 1) {
      const fact = facts[next - 1];
      if (fact !== undefined) hashes.push(hashOf(fact));
    }
    return hashes[at] ?? chainStart;
  };
  return { facts, hashBefore };
}

interface Open {
  readonly ended: boolean;
}

function checkOpen(log: Open): void {
  if (log.ended) throw new LogReadError({ type: 'LogUnreachable', where, detail: 'it was closed' });
}

function current(fact: RecordedFact, asStored = false): RecordedFact {
  if (asStored) return fact;
  const upcasted = upcast(fact, where);
  if (!upcasted.ok) throw new LogReadError(upcasted.error);
  return upcasted.value;
}

async function* readStream(
  facts: readonly RecordedFact[],
  { from, backwards = false, limit = Infinity, asStored }: ReadStreamOptions,
  log: Open,
): AsyncGenerator<RecordedFact> {
  checkOpen(log);
  const end = facts.length;
  const step = backwards ? -1 : 1;
  const start = backwards ? Math.min(from ?? end - 1, end - 1) : (from ?? 0);
  for (let at = start, given = 0; at >= 0 && at < end && given < limit; at += step, given += 1) {
    const fact = facts[at];
    if (fact !== undefined) yield current(fact, asStored);
  }
}

async function* readAll(
  all: readonly RecordedFact[],
  { after, category, limit = Infinity, asStored }: ReadAllOptions,
  log: Open,
): AsyncGenerator<RecordedFact> {
  checkOpen(log);
  const end = all.length;
  for (let at = after ?? 0, given = 0; at < end && given < limit; at += 1) {
    const fact = all[at];
    if (fact === undefined || (category !== undefined && categoryOf(fact.stream) !== category)) continue;
    yield current(fact, asStored);
    given += 1;
  }
}

function pageAfter(all: readonly RecordedFact[], after: number, category: string | undefined): Page {
  const slice = all.slice(after, after + pageFacts);
  const facts = category === undefined ? slice : slice.filter(({ stream }) => categoryOf(stream) === category);
  // Positions count from 1, so the position of a fact is also how many stand up to it.
  const searched = Math.max(after, Math.min(after + pageFacts, all.length)) as Position;
  return { facts: facts.map((fact) => current(fact)), searched, atEnd: searched >= all.length };
}
