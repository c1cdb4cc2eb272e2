import type { DurableEntry, JournalRecord } from './journal.ts';
import type { ClosedRound, JournalHeader, OpenedRound } from './journal-shapes.ts';
import { invariant } from '#core/invariant';

/** What the records of a journal come to. */
export interface JournalState {
  readonly header: JournalHeader;
  /** Whether the target is ours: we made it, or found it empty and said so. */
  readonly created: boolean;
  /** The last round that is complete. */
  readonly closed: ClosedRound | undefined;
  /** The round that is not. */
  readonly opened: OpenedRound | undefined;
  /** What is durable in the open round, oldest first. */
  readonly entries: readonly DurableEntry[];
}

/** Folds the records of a journal, the first of which is its header. */
export function foldJournal(records: readonly JournalRecord[]): JournalState {
  const [first] = records;
  invariant(first?.type === 'Header', 'a journal that was read has a header');
  let state: JournalState = {
    header: first.header,
    created: false,
    closed: undefined,
    opened: undefined,
    entries: [],
  };
  const entries: DurableEntry[] = [];
  for (const record of records) {
    switch (record.type) {
      case 'Header':
        break;
      case 'TargetCreated':
        state = { ...state, created: true };
        break;
      case 'RoundOpened':
        entries.length = 0;
        state = { ...state, opened: record.opened };
        break;
      case 'Durable':
        entries.push(...record.entries);
        break;
      case 'RoundClosed':
        entries.length = 0;
        state = { ...state, closed: record.closed, opened: undefined };
        break;
    }
  }
  return { ...state, entries };
}
