import type { Model } from '#core/driver/model';
import { InvariantError } from '#core/invariant';
import type { WaveCommand, WaveRejection } from './commands.ts';
import { decideWave } from './decide.ts';
import type { WaveEffect } from './effects.ts';
import { canTakeWave, evolveWave, initialWave, type WaveState } from './evolve.ts';
import { waveSchemaVersion, type WaveFact } from './facts.ts';
import { waveChart } from './machine.ts';

const noSideEffects = (): never => {
  throw new InvariantError('a wave has no side effects of its own: its members have');
};

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
  kindOf: (effect) =>
    effect.type === 'armDeadline' ? { type: 'deadline', at: effect.params.at } : { type: 'idempotent' },
  notes: {
    requested: noSideEffects,
    unknown: noSideEffects,
    reconciled: noSideEffects,
    undecidable: noSideEffects,
    vouched: noSideEffects,
    deadlinePassed: (effect) =>
      effect.type === 'armDeadline' && effect.params.deadline === 'windowOpens'
        ? { type: 'WindowOpened', data: {} }
        : { type: 'WindowClosed', data: {} },
  },
};
