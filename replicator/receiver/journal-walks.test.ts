import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyJournalWalk, soundJournal } from '#test/support/journal-walks';

describe('a journal whose last record a crash has torn', () => {
  it('is read up to there, and no further', () =>
    fc.assert(fc.property(anyJournalWalk, soundJournal), { numRuns: 300 }));
});
