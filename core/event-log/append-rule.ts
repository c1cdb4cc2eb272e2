import { invariant } from '#core/invariant';
import type { ExpectedRevision, ProposedFact } from './event-log.ts';
import { schemaVersion } from './upcast.ts';

/**
 * How far back from the end of a stream an append that expects `any` looks for a batch that was appended before. A
 * writer whose answer was lost asks again at once, so only what others appended meanwhile can stand in between; the
 * bound keeps such an append from reading a long stream.
 */
export const repeatLookback = 256;

/** What an adapter must know of a stream to judge an append. */
export interface StreamEnd {
  /** The revision of the last fact, -1 for none. */
  readonly last: number;
  /** Ids of the facts from a revision on: `count`, or fewer where the stream ends. */
  idsFrom(first: number, count: number): readonly string[];
}

/** Add the batch, answer that it is already there (up to revision `last`), or refuse it. */
export type Verdict =
  { readonly type: 'add' } | { readonly type: 'repeat'; readonly last: number } | { readonly type: 'conflict' };

/** The one rule of optimistic concurrency and of repeated appends, for every adapter that judges itself. */
export function judgeAppend(facts: readonly ProposedFact[], expected: ExpectedRevision, end: StreamEnd): Verdict {
  if (expected === 'any') return judgeAny(facts, end);
  const before = expected === 'none' ? -1 : expected;
  if (before === end.last) return { type: 'add' };
  if (before > end.last) return { type: 'conflict' };
  return stands(facts, end.idsFrom(before + 1, facts.length))
    ? { type: 'repeat', last: before + facts.length }
    : { type: 'conflict' };
}

function judgeAny(facts: readonly ProposedFact[], end: StreamEnd): Verdict {
  const first = Math.max(0, end.last + 1 - repeatLookback - facts.length);
  const recent = end.last < 0 ? [] : end.idsFrom(first, end.last + 1 - first);
  const at = recent.findLastIndex((id) => id === facts[0]?.id);
  if (at < 0) return { type: 'add' };
  return stands(facts, recent.slice(at))
    ? { type: 'repeat', last: first + at + facts.length - 1 }
    : { type: 'conflict' };
}

const stands = (facts: readonly ProposedFact[], ids: readonly string[]): boolean =>
  facts.every(({ id }, i) => id === ids[i]);

/** What no correct program appends. Throws an `InvariantError` rather than writing what could not be read again. */
export function checkBatch(facts: readonly ProposedFact[]): void {
  invariant(facts.length > 0, 'an append needs at least one fact');
  for (const { id, metadata } of facts) {
    const { schemaVersion: theirs } = metadata;
    // The sentence is made only when it is needed: this runs for every fact there is.
    if (Number.isInteger(theirs) && theirs >= 1 && theirs <= schemaVersion) continue;
    invariant(false, `fact ${id} has schema version ${theirs}, this build writes 1 to ${schemaVersion}`);
  }
  if (facts.length > 1)
    invariant(new Set(facts.map(({ id }) => id)).size === facts.length, 'two facts of one append have the same id');
}
