import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, instant, minutes } from '#core/units';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { fairRates } from './fair-share.ts';
import type { TransferOrder } from './stream-groups.ts';
import { transfers, type Disturbance, type Transfer } from './transfers.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const names = ['a', 'b', 'link', 'far'] as const;
const capacities: ReadonlyMap<string, number> = new Map([
  ['a', 80],
  ['b', 300],
  ['link', 120],
  ['far', 1_000],
]);

interface Plain {
  readonly order: Pick<TransferOrder, 'path' | 'length' | 'streamMax'>;
  crossed: number;
  ended: 'done' | 'broken' | 'cancelled' | undefined;
  endedAt?: number;
}

/** The same streams without anything that makes it fast: every rate is found anew, and every stream moved, at every step. */
class PlainTransfers {
  readonly streams: Plain[] = [];
  readonly disturbances = new Map<Disturbance, string>();
  readonly carried = names.map((): number[] => []);
  capacities = capacities;
  now = 0;

  moveTo(until: number): void {
    while (this.now < until) {
      const moving = this.streams.filter(({ ended }) => !ended);
      const rates = this.#rates(moving);
      const lefts = moving.map(({ order, crossed }, i) => (order.length - crossed - 0.01) / (rates[i] || 1e-12));
      const stretch = minutes(15) * (1 + Math.floor(this.now / minutes(15)));
      const next = Math.min(until, stretch, ...lefts.map((left) => this.now + Math.max(1, Math.ceil(left * 1_000))));
      moving.forEach((stream, i) => {
        const crosses = ((rates[i] ?? 0) * (next - this.now)) / 1_000;
        stream.crossed += crosses;
        for (const name of stream.order.path) {
          const row = this.carried[names.findIndex((each) => each === name)] ?? [];
          const bucket = Math.floor(this.now / minutes(15));
          while (row.length <= bucket) row.push(0);
          row[bucket] = (row[bucket] ?? 0) + crosses;
        }
      });
      this.now = next;
      this.#end();
    }
  }

  capacityOf(name: string): number {
    const factors = [...this.disturbances].filter(([, place]) => place === name).map(([{ factor }]) => factor);
    return Math.min(1, ...factors) * (this.capacities.get(name) ?? 0);
  }

  #end(): void {
    for (const stream of this.streams)
      if (!stream.ended && stream.crossed >= stream.order.length - 0.01) {
        stream.ended = 'done';
        stream.endedAt = this.now;
      }
  }

  /** Whenever something is different at a place that is down, whoever waits there is broken. */
  breakIfDown(name: string): void {
    if (this.capacityOf(name) > 0) return;
    for (const stream of this.streams) if (!stream.ended && stream.order.path.includes(name)) stream.ended = 'broken';
  }

  #rates(moving: readonly Plain[]): readonly number[] {
    const held = (name: string): number =>
      Math.min(...[...this.disturbances].flatMap(([each, place]) => (place === name ? (each.streamMax ?? []) : [])));
    return fairRates(
      moving.map(({ order: { path, streamMax } }) => ({
        path: path.map((name) => names.findIndex((each) => each === name)),
        streams: 1,
        streamMax: Math.min(streamMax, ...path.map(held)),
      })),
      names.map((name) => this.capacityOf(name)),
    );
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('begin' as const),
      path: fc.constantFrom(['a'], ['b'], ['a', 'link'], ['b', 'link'], ['b', 'link', 'far'], ['far']),
      length: fc.oneof(fc.integer({ min: 1, max: 500_000 }), fc.constant(60_000)),
      streamMax: fc.constantFrom(30, 100, Infinity),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('cancel' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('disturb' as const),
      place: fc.constantFrom(...names),
      factor: fc.constantFrom(0, 0.25, 0.5, 1),
      streamMax: fc.constantFrom(20, undefined),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('calm' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('become' as const),
      place: fc.constantFrom(...names),
      capacity: fc.constantFrom(40, 200, 2_000),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Both worlds, which are to say the same whatever is done to them. */
class Both {
  readonly clock = virtualClock({ turn });
  readonly streams = transfers(this.clock, capacities);
  readonly plain = new PlainTransfers();
  readonly begun: Transfer[] = [];
  readonly ends: string[] = [];
  readonly #calms: (() => void)[] = [];

  do(next: Step): void {
    this.plain.moveTo(this.clock.now());
    switch (next.type) {
      case 'begin':
        return this.#begin(next);
      case 'cancel': {
        const i = next.which % Math.max(1, this.begun.length);
        this.begun[i]?.cancel();
        const plain = this.plain.streams[i];
        // Through and cancelled at one instant: whichever was on the clock first comes first.
        const isTie = plain?.endedAt === this.clock.now() && this.ends[i] === undefined;
        if (plain && (!plain.ended || isTie)) plain.ended = 'cancelled';
        return;
      }
      case 'disturb':
        return this.#disturb(next.place, {
          factor: next.factor,
          ...(next.streamMax !== undefined && { streamMax: next.streamMax }),
        });
      case 'calm':
        this.#calms[next.which % Math.max(1, this.#calms.length)]?.();
        return;
      case 'become':
        if (this.plain.capacities.get(next.place) !== next.capacity) {
          this.plain.capacities = new Map([...this.plain.capacities, [next.place, next.capacity]]);
          this.plain.breakIfDown(next.place);
        }
        this.streams.become(new Map([[next.place, next.capacity]]));
    }
  }

  #begin({ path, length, streamMax }: Extract<Step, { type: 'begin' }>): void {
    const i = this.begun.length;
    const order = { path, length: bytes(length), streamMax };
    this.plain.streams.push({ order, crossed: 0, ended: undefined });
    const transfer = this.streams.begin({
      ...order,
      onDone: () => (this.ends[i] = 'done'),
      onBroken: () => (this.ends[i] = 'broken'),
    });
    this.begun.push(transfer);
  }

  #disturb(place: string, disturbance: Disturbance): void {
    this.plain.disturbances.set(disturbance, place);
    this.plain.breakIfDown(place);
    const calm = this.streams.disturb(place, disturbance);
    this.#calms.push(() => {
      if (this.plain.disturbances.delete(disturbance)) this.plain.breakIfDown(place);
      calm();
    });
  }

  expectSame(): void {
    this.plain.moveTo(this.clock.now());
    // Whole bytes here, parts there; and where a stream ends a millisecond sooner, the others get so much the more.
    const close = 2 + this.begun.length / 2;
    this.begun.forEach((transfer, i) => {
      const plain = this.plain.streams[i];
      expect(Math.abs(transfer.crossed() - (plain?.crossed ?? Number.NaN))).toBeLessThanOrEqual(close);
    });
    const { carried } = this.streams.usage();
    this.plain.carried.forEach((row, i) =>
      row.forEach((sum, bucket) => expect(Math.abs((carried[i]?.[bucket] ?? 0) - sum)).toBeLessThanOrEqual(close * 4)),
    );
  }
}

describe('transfers', () => {
  it('are what finding every rate and moving every stream at every step comes to', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.oneof(fc.constant(0), fc.nat(2_000_000)), step), { minLength: 1, maxLength: 40 }),
        async (steps) => {
          const both = new Both();
          let at = 0;
          for (const [pause, next] of steps) {
            at += pause;
            both.clock.schedule(instant(at), () => {
              both.do(next);
              both.expectSame();
            });
          }
          await both.clock.run(both.clock.wait(minutes(Math.ceil(at / minutes(1)) + 200)));
          both.expectSame();
          both.plain.streams.forEach(({ ended, order, crossed }, i) => {
            const isNear = !ended && order.length - crossed < 50;
            if (ended !== 'cancelled' && !isNear) expect(both.ends[i]).toBe(ended);
          });
        },
      ),
      { numRuns: 200 },
    ));
});
