import { chart, initialContext } from './chart.ts';
import { lifecycle } from './lifecycle.ts';
import { replication } from './replication.ts';

/** Names the chart and its version; in the metadata of every fact it judged. */
export const migrationModel = { id: 'migration', version: '1' } as const;

const outcome = chart.createStateConfig({
  initial: 'certain',
  states: {
    certain: {
      description: 'What became of everything that was asked of the world is known.',
      on: { OutcomeUnknown: { target: 'unknown', actions: 'loseCertainty' } },
    },
    unknown: {
      description: 'An answer was lost. The world is asked what it did before anything else is asked of it.',
      on: {
        OutcomeReconciled: { guard: 'settles', target: 'certain', actions: 'regainCertainty' },
        OutcomeUndecidable: { guard: 'settles', target: 'undecidable' },
      },
    },
    undecidable: {
      description: 'An answer was lost and the world cannot tell. A person looks and decides.',
      tags: 'asksOperator',
      on: { OutcomeDecided: { guard: 'settles', target: 'certain', actions: 'regainCertainty' } },
    },
  },
});

/**
 * One migration from draft to its end. Two axes, lifecycle (moved by decisions) and replication (moved by machines),
 * and beside them what is certain of the world. Pure: its events are the logged facts, its actions are effects as data.
 */
export const migrationMachine = chart.createMachine({
  id: 'migration',
  context: initialContext,
  type: 'parallel',
  states: { lifecycle, replication, outcome },
  on: {
    EffectRequested: { actions: 'note' },
    RoundProgressed: { guard: 'sameRound', actions: 'note' },
    GuestInspected: { actions: 'note' },
    StepReported: { actions: 'note' },
    FixUpPlanned: { actions: 'note' },
    ConsoleCaptured: { actions: 'note' },
  },
});
