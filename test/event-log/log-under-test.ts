import { afterEach, beforeEach } from 'vitest';
import type { Appended, EventLog, ExpectedRevision, ProposedFact, StreamId } from '#core/event-log/event-log';
import { collect, newCategory, newStream, note, textOf } from './notes.ts';

/** A log, opened before each test and closed after it, with a category and a stream that no other test uses. */
export interface LogUnderTest {
  readonly log: EventLog;
  readonly category: string;
  /** A stream of `category`. */
  readonly stream: StreamId;
  /** Appends where nothing else is expected. */
  append(to: StreamId, facts: readonly ProposedFact[], expected: ExpectedRevision): Promise<Appended>;
  textsOf(of: StreamId): Promise<unknown[]>;
  /** The place in the log where the test begins: what stands before it is of others. */
  here(): Promise<Appended>;
}

/** Call it within a `describe`. */
export function logUnderTest(open: () => Promise<EventLog>): LogUnderTest {
  let log: EventLog;
  let category = '';
  let stream = newStream();
  beforeEach(async () => {
    log = await open();
    category = newCategory();
    stream = newStream(category);
  });
  afterEach(() => log.close());

  const append: LogUnderTest['append'] = async (to, facts, expected) => {
    const appended = await log.append(to, facts, expected);
    if (!appended.ok) throw new Error(`not appended: ${JSON.stringify(appended.error)}`);
    return appended.value;
  };
  return {
    get log() {
      return log;
    },
    get category() {
      return category;
    },
    get stream() {
      return stream;
    },
    append,
    textsOf: async (of) => (await collect(log.readStream(of))).map(textOf),
    here: () => append(newStream(), [note('here')], 'none'),
  };
}
