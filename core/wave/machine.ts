import { assign, setup } from 'xstate';
import { invariant } from '#core/invariant';
import type { WaveEffect, WaveEffectType } from './effects.ts';
import type { WaveFact } from './facts.ts';
import type { WavePlan } from './plan.ts';
import { nextLastStart, noNotes, retryWait, triesToNote, type WaveNotes } from './retry.ts';

/** Names the chart and its version; in the metadata of every fact it judged. */
export const waveChart = { id: 'wave', version: '1' } as const;

/** What decisions need to know of a wave's past. */
export interface WaveContext extends WaveNotes {
  readonly plan: WavePlan | null;
  readonly approvedBy: string | null;
}

type Params<T extends WaveEffectType> = Extract<WaveEffect, { type: T }>['params'];
const effect = (): void => undefined;
const deadline = (_args: unknown, _params: Params<'armDeadline'>): void => undefined;

const retry = (_args: unknown, _params: Params<'armRetry'>): void => undefined;

const chart = setup({
  types: { context: {} as WaveContext, events: {} as WaveFact, tags: '' as 'ended' },
  actions: {
    prepareMembers: effect,
    cutOverMembers: effect,
    recoverMembers: effect,
    armDeadline: deadline,
    armRetry: retry,
    takePlan: assign(({ event }) => (event.type === 'WaveDrafted' ? { plan: event.data.plan } : {})),
    approve: assign(({ event }) => (event.type === 'WaveApproved' ? { approvedBy: event.data.by } : {})),
    passLastStart: assign(({ event }) => (event.type === 'LastStartPassed' ? { lastStart: event.data.at } : {})),
    noteRetry: assign(({ context, event }) => {
      if (event.type !== 'MemberRolledBack' && event.type !== 'RetryCameDue') return {};
      const { migration, cutovers } = event.data;
      const due = event.type === 'RetryCameDue';
      return { retries: { ...context.retries, [migration]: { cutovers, due } } };
    }),
  },
  guards: {
    hasLastStart: ({ context }) => nextLastStart(planOf(context), null) !== null,
    hasNextLastStart: ({ context, event }) =>
      event.type === 'LastStartPassed' && nextLastStart(planOf(context), event.data.at) !== null,
    isNews: ({ context, event }) =>
      event.type === 'MemberRolledBack' && triesToNote(context.plan, context.retries, event.data) > 0,
    isAwaited: ({ context, event }) =>
      event.type === 'RetryCameDue' &&
      context.retries[event.data.migration]?.cutovers === event.data.cutovers &&
      !context.retries[event.data.migration]?.due,
  },
});

function planOf({ plan }: WaveContext): WavePlan {
  invariant(plan, 'every state after undrafted has a plan');
  return plan;
}
const windowOf = (context: WaveContext): WavePlan['window'] => planOf(context).window;
const armLastStart = {
  type: 'armDeadline',
  params: ({ context }: { context: WaveContext }) => ({
    deadline: 'lastStart' as const,
    // The guard before it has seen that there is one.
    at: nextLastStart(planOf(context), context.lastStart) ?? windowOf(context).closes,
  }),
} as const;
const armRetry = {
  type: 'armRetry',
  params: ({ context, event }: { context: WaveContext; event: WaveFact }) => {
    invariant(event.type === 'MemberRolledBack', 'a retry is armed when a member was rolled back');
    const plan = planOf(context);
    const tries = triesToNote(plan, {}, event.data);
    return { ...event.data, wait: retryWait(plan, tries) };
  },
} as const;
const opensTo = <const Target extends string>(target: Target) =>
  [{ guard: 'hasLastStart', target, actions: armLastStart }, { target }] as const;
const approvable = { WaveApproved: { actions: 'approve' } } as const;

/** One wave from draft to its end. Its members have streams and charts of their own. */
export const waveMachine = chart.createMachine({
  id: 'wave',
  context: { plan: null, approvedBy: null, ...noNotes },
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
          on: { WavePaused: 'paused', WindowOpened: opensTo('#wave.windowOpen.admitting') },
        },
        paused: {
          description: 'No member is admitted. What runs goes on.',
          on: { WaveResumed: 'admitting', WindowOpened: opensTo('#wave.windowOpen.paused') },
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
      on: {
        WindowClosed: 'recovering',
        WaveCancelled: 'recovering',
        LastStartPassed: [
          { guard: 'hasNextLastStart', actions: ['passLastStart', armLastStart] },
          { actions: 'passLastStart' },
        ],
        MemberRolledBack: { guard: 'isNews', actions: ['noteRetry', armRetry] },
        RetryCameDue: { guard: 'isAwaited', actions: 'noteRetry' },
        ...approvable,
      },
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
