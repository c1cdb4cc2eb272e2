import { assign, setup } from 'xstate';
import { invariant } from '#core/invariant';
import type { WaveEffect, WaveEffectType } from './effects.ts';
import type { WaveFact } from './facts.ts';
import type { WavePlan } from './plan.ts';

/** Names the chart and its version; in the metadata of every fact it judged. */
export const waveChart = { id: 'wave', version: '1' } as const;

/** What decisions need to know of a wave's past. */
export interface WaveContext {
  readonly plan: WavePlan | null;
  readonly approvedBy: string | null;
}

type Params<T extends WaveEffectType> = Extract<WaveEffect, { type: T }>['params'];
const effect = (): void => undefined;
const deadline = (_args: unknown, _params: Params<'armDeadline'>): void => undefined;

const chart = setup({
  types: { context: {} as WaveContext, events: {} as WaveFact, tags: '' as 'ended' },
  actions: {
    prepareMembers: effect,
    cutOverMembers: effect,
    recoverMembers: effect,
    armDeadline: deadline,
    takePlan: assign(({ event }) => (event.type === 'WaveDrafted' ? { plan: event.data.plan } : {})),
    approve: assign(({ event }) => (event.type === 'WaveApproved' ? { approvedBy: event.data.by } : {})),
  },
});

const windowOf = ({ plan }: WaveContext): WavePlan['window'] => {
  invariant(plan, 'every state after undrafted has a plan');
  return plan.window;
};
const approvable = { WaveApproved: { actions: 'approve' } } as const;

/** One wave from draft to its end. Its members have streams and charts of their own. */
export const waveMachine = chart.createMachine({
  id: 'wave',
  context: { plan: null, approvedBy: null },
  initial: 'undrafted',
  states: {
    undrafted: {
      description: 'Nothing is known of this wave.',
      on: { WaveDrafted: { target: 'draft', actions: 'takePlan' } },
    },
    draft: {
      description: 'There is a plan. No member has been touched on behalf of the wave.',
      on: { WaveStarted: 'preparing', WaveCancelled: 'cancelled', ...approvable },
    },
    preparing: {
      description: 'Members are verified and replicated, within the limits, until the window opens.',
      initial: 'admitting',
      entry: {
        type: 'armDeadline',
        params: ({ context }) => ({ deadline: 'windowOpens' as const, at: windowOf(context).opens }),
      },
      on: { WaveCancelled: 'recovering', ...approvable },
      states: {
        admitting: {
          description: 'Members are admitted to replication as the limits allow.',
          entry: 'prepareMembers',
          on: { WavePaused: 'paused', WindowOpened: '#wave.windowOpen.admitting' },
        },
        paused: {
          description: 'No member is admitted. What runs goes on.',
          on: { WaveResumed: 'admitting', WindowOpened: '#wave.windowOpen.paused' },
        },
      },
    },
    windowOpen: {
      description: 'Members that are parked and approved are cut over, in order and within the limits.',
      initial: 'admitting',
      entry: {
        type: 'armDeadline',
        params: ({ context }) => ({ deadline: 'windowCloses' as const, at: windowOf(context).closes }),
      },
      on: { WindowClosed: 'recovering', WaveCancelled: 'recovering', ...approvable },
      states: {
        admitting: {
          description: 'Cutovers are started as order and limits allow.',
          entry: 'cutOverMembers',
          on: { WavePaused: 'paused', WaveCompleted: '#wave.completed' },
        },
        paused: {
          description: 'No cutover is started. Those that run go on.',
          on: { WaveResumed: 'admitting' },
        },
      },
    },
    recovering: {
      description:
        'No cutover is started any more. Those that run are brought to an end: finished, or back in replication.',
      entry: 'recoverMembers',
      on: { WaveCompleted: 'completed' },
    },
    completed: {
      description: 'The window is over and no member is between source and target.',
      tags: 'ended',
      type: 'final',
    },
    cancelled: {
      description: 'The wave was given up before it began.',
      tags: 'ended',
      type: 'final',
    },
  },
});
