import { describe, expect, it } from 'vitest';
import { judgeAppend, repeatLookback, type StreamEnd, type Verdict } from './append-rule.ts';
import type { ProposedFact, Revision } from './event-log.ts';

const facts = (...ids: readonly string[]): readonly ProposedFact[] =>
  ids.map((id) => ({ id }) as unknown as ProposedFact);
const streamOf = (...ids: readonly string[]): StreamEnd => ({
  last: ids.length - 1,
  idsFrom: (first, count) => ids.slice(first, first + count),
});
const add: Verdict = { type: 'add' };
const conflict: Verdict = { type: 'conflict' };

describe('judgeAppend', () => {
  it('adds where the writer believes the stream to be', () => {
    expect(judgeAppend(facts('a'), 'none', streamOf())).toEqual(add);
    expect(judgeAppend(facts('c'), 1 as Revision, streamOf('a', 'b'))).toEqual(add);
    expect(judgeAppend(facts('c'), 'any', streamOf('a', 'b'))).toEqual(add);
  });

  it('answers a batch that stands there already, also when more follows', () => {
    expect(judgeAppend(facts('a', 'b'), 'none', streamOf('a', 'b'))).toEqual({ type: 'repeat', last: 1 });
    expect(judgeAppend(facts('b'), 0 as Revision, streamOf('a', 'b', 'c'))).toEqual({ type: 'repeat', last: 1 });
    expect(judgeAppend(facts('b', 'c'), 'any', streamOf('a', 'b', 'c', 'd'))).toEqual({ type: 'repeat', last: 2 });
  });

  it('refuses what stands only in part, or elsewhere', () => {
    expect(judgeAppend(facts('a', 'x'), 'none', streamOf('a', 'b'))).toEqual(conflict);
    expect(judgeAppend(facts('a', 'b', 'c'), 'none', streamOf('a', 'b'))).toEqual(conflict);
    expect(judgeAppend(facts('b'), 'none', streamOf('a', 'b'))).toEqual(conflict);
    expect(judgeAppend(facts('b', 'x'), 'any', streamOf('a', 'b', 'c'))).toEqual(conflict);
    expect(judgeAppend(facts('c'), 7 as Revision, streamOf('a', 'b'))).toEqual(conflict);
  });

  it('looks for a repeat of any revision as far back as it says, and no farther', () => {
    const rest = Array.from({ length: repeatLookback }, (_, i) => `r${i}`);
    expect(judgeAppend(facts('a'), 'any', streamOf('a', ...rest))).toEqual({ type: 'repeat', last: 0 });
    expect(judgeAppend(facts('a'), 'any', streamOf('a', 'b', ...rest))).toEqual(add);
  });
});
