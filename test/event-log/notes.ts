import { randomUUID } from 'node:crypto';
import type { ProposedFact, RecordedFact, StreamId } from '#core/event-log/event-log';
import { factId } from '#core/ids';
import { instant } from '#core/units';

/** A fact that says something, for tests of logs. `more` goes into its data. */
export const note = (text: string, more: object = {}): ProposedFact => ({
  id: factId(randomUUID()),
  type: 'Noted',
  data: { text, ...more },
  metadata: {
    time: instant(1_700_000_000_000),
    actor: 'operator:tester',
    correlationId: 'wave-1',
    schemaVersion: 2,
    model: { id: 'note', version: '1' },
  },
});

/** One note per text. */
export const notes = (...texts: readonly string[]): readonly ProposedFact[] => texts.map((text) => note(text));

/** What a note says. */
export const textOf = (fact: RecordedFact | undefined): unknown => (fact?.data as { text?: unknown } | undefined)?.text;

/** A category no other test uses, also on a server that many tests and runs share. */
export const newCategory = (): string => `note${randomUUID().replaceAll('-', '')}`;

/** A stream no other test uses. */
export const newStream = (category = newCategory()): StreamId => `${category}-${randomUUID()}`;

/** All that an iteration yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The first `count` that an iteration yields; then it is let go. */
export async function take<T>(count: number, items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  if (count === 0) return all;
  for await (const item of items) if (all.push(item) >= count) break;
  return all;
}
