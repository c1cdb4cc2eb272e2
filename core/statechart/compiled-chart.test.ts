import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { and, assign, initialTransition, not, setup, stateIn, transition, type AnyStateMachine } from 'xstate';
import { copyOfContext } from '#core/migration/chart';
import { migrationMachine } from '#core/migration/machine';
import { sentinelMachine } from '#core/sentinel/machine';
import { waveMachine } from '#core/wave/machine';
import { sampleFacts } from '#test/support/migration-facts';
import { sampleSentinelFacts } from '#test/support/sentinel-facts';
import { sampleWaveFacts } from '#test/support/wave-facts';
import { compileChart, type ChartEvent } from './compiled-chart.ts';

/** A chart with what ours do not have at present and the compiler knows: exits, re-entry, built guards, dynamic params. */
const strange = setup({
  types: { context: {} as { count: number; seen: readonly string[] }, events: {} as { type: 'A' | 'B' | 'C' | 'D' } },
  actions: {
    see: assign(({ context }, params: { what: string }) => ({ seen: [...context.seen, params.what].slice(-20) })),
    count: assign({ count: ({ context }) => context.count + 1 }),
    tell: (_args, _params: { count: number }) => undefined,
    say: () => undefined,
  },
  guards: {
    isEven: ({ context }) => context.count % 2 === 0,
    isMultiple: ({ context }, params: { of: number }) => context.count % params.of === 0,
    inLeft: stateIn({ left: 'two' }),
  },
}).createMachine({
  id: 'strange',
  type: 'parallel',
  context: { count: 0, seen: [] },
  on: { D: { actions: ['count', { type: 'tell', params: ({ context }) => ({ count: context.count }) }] } },
  states: {
    left: {
      initial: 'one',
      entry: 'say',
      states: {
        one: {
          entry: { type: 'see', params: { what: 'enter one' } },
          exit: { type: 'see', params: { what: 'leave one' } },
          on: { A: 'two', B: { target: 'one', reenter: true }, C: { target: 'one' } },
        },
        two: {
          exit: ['say', { type: 'see', params: { what: 'leave two' } }],
          always: { guard: and(['isEven', { type: 'isMultiple', params: { of: 3 } }]), target: 'three' },
          on: { A: 'one', B: { guard: not('isEven'), target: '#strange.left.one' }, C: { actions: 'count' } },
        },
        three: { entry: 'count', on: { A: 'two', C: '#strange.left.deep.inner' } },
        deep: {
          initial: 'outer',
          entry: { type: 'see', params: { what: 'enter deep' } },
          exit: { type: 'see', params: { what: 'leave deep' } },
          on: { A: { target: '.inner' }, B: { target: 'deep', reenter: true } },
          states: {
            outer: { exit: { type: 'see', params: { what: 'leave outer' } }, on: { C: 'inner' } },
            inner: {
              entry: { type: 'see', params: { what: 'enter inner' } },
              exit: { type: 'see', params: { what: 'leave inner' } },
              on: { C: '#strange.left.one' },
            },
          },
        },
      },
    },
    right: {
      initial: 'idle',
      states: {
        idle: { on: { A: { guard: 'inLeft', target: 'busy', actions: 'count' }, D: 'busy' } },
        busy: {
          always: { guard: { type: 'isMultiple', params: { of: 5 } }, target: 'idle', actions: 'count' },
          on: { B: 'idle' },
        },
      },
    },
  },
});

const letters = (['A', 'B', 'C', 'D'] as const).map((type) => ({ type }));
const charts: readonly {
  readonly name: string;
  readonly machine: AnyStateMachine;
  readonly events: (context: never) => readonly ChartEvent[];
  /** As whoever folds its facts copies its context; spread if left out. */
  readonly copyOf?: typeof copyOfContext;
}[] = [
  { name: 'migration', machine: migrationMachine, events: sampleFacts, copyOf: copyOfContext },
  { name: 'wave', machine: waveMachine, events: sampleWaveFacts },
  { name: 'sentinel', machine: sentinelMachine, events: () => sampleSentinelFacts },
  { name: 'a strange one', machine: strange, events: () => letters },
];

describe.each(charts)('the compiled chart: $name', ({ machine, events, copyOf }) => {
  it('begins as XState begins', () => {
    const [snapshot] = initialTransition(machine);
    const { initial } = compileChart(machine, copyOf);
    expect(initial.value).toEqual(snapshot.value);
    expect(initial.context).toEqual(snapshot.context);
  });

  it('takes what XState takes, and comes to the same state, context and effects, on any walk', () => {
    const chart = compileChart(machine, copyOf);
    const [start] = initialTransition(machine);
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 60 }), (choices) => {
        let theirs = start;
        let ours = chart.initial;
        for (const choice of choices) {
          const offered = events(theirs.context as never);
          const taken = offered.filter((event) => theirs.can(event as never));
          for (const event of offered) expect(chart.can(ours, event), event.type).toBe(theirs.can(event as never));
          const event = taken[choice % Math.max(1, taken.length)];
          if (!event) break;
          const [next, actions] = transition(machine, theirs, event as never);
          const step = chart.step(ours, event);
          expect(step?.snapshot.value).toEqual(next.value);
          expect(step?.snapshot.context).toEqual(next.context);
          expect(step?.effects).toEqual(actions.map(({ type, params }) => ({ type, params })));
          for (const tag of ['ended', 'sourceDown', 'asksOperator', 'targetMayHaveWrites'])
            expect(step?.snapshot.hasTag(tag as never), tag).toBe(next.hasTag(tag as never));
          if (!step) break;
          theirs = next;
          ours = step.snapshot;
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a chart that is more than a compiled one knows', () => {
  it.each([
    ['a history state', { initial: 'a', states: { a: {}, h: { type: 'history' } } }],
    ['a delay', { initial: 'a', states: { a: { after: { 100: 'b' } }, b: {} } }],
    ['an invocation', { initial: 'a', states: { a: { invoke: { src: 'x' } } } }],
    ['a wildcard', { initial: 'a', states: { a: { on: { '*': 'b' } }, b: {} } }],
    [
      'a transition when done',
      { initial: 'a', states: { a: { initial: 'z', onDone: 'b', states: { z: { type: 'final' } } }, b: {} } },
    ],
    [
      'a transition out of its region',
      {
        type: 'parallel',
        states: {
          a: { initial: 'x', states: { x: { on: { A: '#two.b.y' } } } },
          b: { initial: 'y', states: { y: {} } },
        },
      },
    ],
    ['parallel states below the root', { initial: 'a', states: { a: { type: 'parallel', states: { x: {}, y: {} } } } }],
  ] as const)('is refused: %s', (_what, config) => {
    expect(() =>
      compileChart(setup({}).createMachine({ id: 'two', ...config } as never) as unknown as AnyStateMachine),
    ).toThrow('which a compiled chart does not know');
  });
});
