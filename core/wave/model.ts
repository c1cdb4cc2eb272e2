import type { Model } from '#core/driver/model';
import { InvariantError, unreachable } from '#core/invariant';
import type { WaveCommand, WaveRejection } from './commands.ts';
import { decideWave } from './decide.ts';
import type { WaveEffect } from './effects.ts';
import { canTakeWave, evolveWave, initialWave, type WaveState } from './evolve.ts';
import { waveSchemaVersion, type WaveFact } from './facts.ts';
import { waveChart } from './machine.ts';

const noSideEffects = (): never => {
  throw new InvariantError('a wave has no side effects of its own: its members have');
};

function deadlinePassed(effect: WaveEffect): WaveFact {
  if (effect.type === 'armRetry') {
    const { migration, cutovers } = effect.params;
    return { type: 'RetryCameDue', data: { migration, cutovers } };
  }
  if (effect.type !== 'armDeadline') throw new InvariantError(`${effect.type} waits for no time`);
  const { deadline, at } = effect.params;
  switch (deadline) {
    case 'windowOpens':
      return { type: 'WindowOpened', data: {} };
    case 'windowCloses':
      return { type: 'WindowClosed', data: {} };
    case 'lastStart':
      return { type: 'LastStartPassed', data: { at } };
    default:
      return unreachable(deadline);
  }
}

/** The wave chart in the form a driver takes. */
export const waveModel: Model<WaveState, WaveFact, WaveCommand, WaveEffect, WaveRejection> = {
  ...waveChart,
  schemaVersion: waveSchemaVersion,
  initial: initialWave,
  evolve: evolveWave,
  canTake: canTakeWave,
  decide: decideWave,
  work: (state) => state.work,
  hasEnded: (state) => state.snapshot.hasTag('ended'),
  kindOf: (effect) => {
    if (effect.type === 'armDeadline') return { type: 'deadline', at: effect.params.at };
    return effect.type === 'armRetry' ? { type: 'timer', wait: effect.params.wait } : { type: 'idempotent' };
  },
  notes: {
    requested: noSideEffects,
    unknown: noSideEffects,
    reconciled: noSideEffects,
    undecidable: noSideEffects,
    vouched: noSideEffects,
    deadlinePassed,
  },
};
