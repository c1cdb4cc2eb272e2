import fc from 'fast-check';
import { expect, it } from 'vitest';
import { verifyChain } from '#core/event-log/chain';
import {
  position,
  revision,
  type AppendError,
  type Appended,
  type EventLog,
  type ExpectedRevision,
  type ProposedFact,
  type StreamId,
} from '#core/event-log/event-log';
import type { Result } from '#core/result';
import type { LogUnderTest } from '#test/event-log/log-under-test';
import { collect, newCategory, newStream, note } from '#test/event-log/notes';

/** Any EventLog answers as a trivial one does: a list of facts. */
export function modelContract(on: LogUnderTest, histories: number): void {
  it('behaves as a list of facts does, whatever is done to it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
        const model = new Model(on.log);
        for (const one of steps) {
          const { found, wanted } = await model.take(one);
          expect(found).toEqual(wanted);
        }
        for (const name of model.names) expect(await verifyChain(on.log.readStream(name))).toMatchObject({ ok: true });
      }),
      { numRuns: histories },
    );
  });
}

/** One thing a user of a log does; `stream` is one of three. */
type Step =
  | {
      readonly type: 'append';
      readonly stream: number;
      readonly data: readonly object[];
      readonly expected: 'right' | 'any' | 'none' | number;
    }
  | { readonly type: 'repeat'; readonly batch: number }
  | {
      readonly type: 'readStream';
      readonly stream: number;
      readonly backwards: boolean;
      readonly from: number;
      readonly limit: number;
    }
  | { readonly type: 'readAll'; readonly after: number; readonly limit: number };

const stream = fc.nat({ max: 2 });
const small = fc.nat({ max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('append' as const),
      stream,
      data: fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), { minLength: 1, maxLength: 3 }),
      expected: fc.oneof(
        { weight: 4, arbitrary: fc.constant('right' as const) },
        { weight: 2, arbitrary: fc.constantFrom('any' as const, 'none' as const) },
        { weight: 1, arbitrary: small },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('repeat' as const), batch: small }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('readStream' as const),
      stream,
      backwards: fc.boolean(),
      from: small,
      limit: small,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('readAll' as const), after: small, limit: small }) },
);

interface Compared {
  readonly found: unknown;
  readonly wanted: unknown;
}

/** The trivial log: one list, and the batches that went in. */
class Model {
  readonly names: readonly StreamId[];
  private readonly category = newCategory();
  private readonly log: EventLog;
  /** `at` is the position of the batch's last fact. */
  private readonly all: { readonly stream: StreamId; readonly fact: ProposedFact; readonly at: number }[] = [];
  private readonly batches: {
    readonly stream: StreamId;
    readonly facts: readonly ProposedFact[];
    readonly expected: ExpectedRevision;
    readonly answer: Result<Appended, AppendError>;
  }[] = [];

  constructor(log: EventLog) {
    this.log = log;
    this.names = [0, 1, 2].map(() => newStream(this.category));
  }

  take(one: Step): Promise<Compared> {
    switch (one.type) {
      case 'append':
        return this.append(one);
      case 'repeat':
        return this.repeat(one);
      case 'readStream':
        return this.readStream(one);
      case 'readAll':
        return this.readAll(one);
    }
  }

  private async append({ stream: index, data, expected: wish }: Step & { type: 'append' }): Promise<Compared> {
    const name = this.nameOf(index);
    const last = this.of(name).length - 1;
    const right: ExpectedRevision = last < 0 ? 'none' : revision(last);
    const expected = wish === 'right' ? right : typeof wish === 'number' ? revision(wish) : wish;
    const facts = data.map((each) => ({ ...note(''), data: each }));
    const answer = await this.log.append(name, facts, expected);
    if (expected !== 'any' && expected !== right) {
      const actual = last < 0 ? 'none' : last;
      const error = { type: 'RevisionConflict', stream: name, expected, actual };
      return { found: answer, wanted: { ok: false, error } };
    }
    const at = answer.ok ? answer.value.position : -1;
    const grew = at > (this.all.at(-1)?.at ?? 0);
    this.all.push(...facts.map((fact) => ({ stream: name, fact, at })));
    this.batches.push({ stream: name, facts, expected, answer });
    return {
      found: { answer, grew },
      wanted: { answer: { ok: true, value: { revision: last + facts.length, position: at } }, grew: true },
    };
  }

  private async repeat({ batch: index }: Step & { type: 'repeat' }): Promise<Compared> {
    const batch = this.batches[index];
    if (batch === undefined) return { found: undefined, wanted: undefined };
    return { found: await this.log.append(batch.stream, batch.facts, batch.expected), wanted: batch.answer };
  }

  private async readStream({ backwards, from, limit, ...one }: Step & { type: 'readStream' }): Promise<Compared> {
    const name = this.nameOf(one.stream);
    const found = await collect(this.log.readStream(name, { backwards, from: revision(from), limit }));
    const facts = this.of(name);
    const wanted = backwards ? facts.slice(0, from + 1).toReversed() : facts.slice(from);
    return { found: json(found), wanted: json(wanted.slice(0, limit)) };
  }

  private async readAll({ after: index, limit }: Step & { type: 'readAll' }): Promise<Compared> {
    const after = this.all[index]?.at ?? 0;
    const found = await collect(this.log.readAll({ category: this.category, after: position(after), limit }));
    const wanted = this.all.filter(({ at }) => at > after).map(({ fact }) => fact);
    return { found: json(found), wanted: json(wanted.slice(0, limit)) };
  }

  private nameOf(index: number): StreamId {
    return this.names[index] ?? newStream();
  }

  private of(name: StreamId): readonly ProposedFact[] {
    return this.all.flatMap((one) => (one.stream === name ? [one.fact] : []));
  }
}

const json = (facts: readonly { readonly id: string; readonly data: object }[]): unknown =>
  facts.map(({ id, data }) => ({ id, data: JSON.parse(JSON.stringify(data)) as unknown }));
