import type { Finding, Outcome, World } from '#core/driver/world';
import type { Effect, EffectType } from '#core/migration/effects';
import type { MigrationFact } from '#core/migration/facts';
import { bytes, GiB, MiB } from '#core/units';
import { sampleReport } from './migration-facts.ts';

/** What there is outside: it stays when a driver dies. */
export interface Reality {
  source: 'running' | 'stopped' | 'retired';
  target: 'none' | 'off' | 'running' | 'connected';
  clone: boolean;
  marks: number;
  /** What was really done to the world, in order, and the key it was asked under. */
  readonly done: { readonly key: string; readonly type: EffectType }[];
}

/** A reality in which nothing has happened yet. */
export const freshReality = (): Reality => ({
  source: 'running',
  target: 'none',
  clone: false,
  marks: 0,
  done: [],
});

type Doing = (reality: Reality) => MigrationFact;
const round = (effect: Extract<Effect, { params: { round: unknown } }>, dirty: number) =>
  sampleReport({ round: effect.params.round, dirty: bytes(dirty) });

const doings: { readonly [T in EffectType]: (effect: Extract<Effect, { type: T }>) => Doing } = {
  verifySource: () => () => ({ type: 'VerificationPassed', data: { checks: [] } }),
  initiateReplication: () => (reality) => {
    reality.marks = 1;
    return { type: 'ReplicationInitiated', data: { disks: [] } };
  },
  runFullSync: (effect) => () => ({ type: 'RoundCompleted', data: { ...round(effect, 50 * GiB), kind: 'full' } }),
  runDeltaSync: (effect) => () => ({
    type: 'RoundCompleted',
    data: round(effect, effect.params.round > 1 ? MiB : 20 * GiB),
  }),
  runRescan: (effect) => () => ({ type: 'RoundCompleted', data: { ...round(effect, MiB), kind: 'rescan' } }),
  launchTest: () => (reality) => {
    reality.clone = true;
    return { type: 'TestLaunched', data: { vm: 'clone' } };
  },
  cleanUpTest: () => (reality) => {
    reality.clone = false;
    return { type: 'TestCleanedUp', data: {} };
  },
  quiesceSource: () => (reality) => {
    reality.source = 'stopped';
    return { type: 'SourceQuiesced', data: { method: 'paused', found: 'running' } };
  },
  runFinalSync: (effect) => () => ({ type: 'FinalSyncCompleted', data: { ...round(effect, 0), kind: 'final' } }),
  fenceSource: () => () => ({ type: 'SourceFenced', data: { proof: 'stopped' } }),
  fixUpReplica: () => () => ({ type: 'ReplicaFixedUp', data: { findings: [] } }),
  launchTarget: () => (reality) => {
    reality.target = 'running';
    return { type: 'TargetLaunched', data: { vm: 'target' } };
  },
  connectTarget: () => (reality) => {
    reality.target = 'connected';
    return { type: 'TargetConnected', data: { networks: [] } };
  },
  validateTarget: () => () => ({ type: 'TargetValidated', data: { checks: [] } }),
  rollBack: () => (reality) => {
    reality.target = 'none';
    reality.source = 'running';
    return { type: 'RolledBack', data: { source: 'running' } };
  },
  releaseSource: () => (reality) => {
    reality.marks = 0;
    return { type: 'SourceReleased', data: { removed: [] } };
  },
  retireSource: () => (reality) => {
    reality.marks = 0;
    reality.source = 'retired';
    return { type: 'SourceRetired', data: { note: '' } };
  },
  armTimer: () => () => {
    throw new Error('timers are the driver’s own');
  },
};

/** What comes of an effect in this small world. Throws for timers, which are the driver’s own. */
export const doingOf = (effect: Effect): Doing => (doings[effect.type] as (effect: Effect) => Doing)(effect);

/** A world that behaves: small, and what it did it remembers, whoever asks. */
export function smallWorld(reality: Reality): World<MigrationFact, Effect> {
  return {
    perform: async ({ key, effect }): Promise<Outcome<MigrationFact>> => {
      await Promise.resolve();
      reality.done.push({ key, type: effect.type });
      return { type: 'facts', facts: [doingOf(effect)(reality)] };
    },
    reconcile: async ({ key, effect }): Promise<Finding<MigrationFact>> => {
      await Promise.resolve();
      return reality.done.some((each) => each.key === key)
        ? { type: 'done', facts: [doingOf(effect)(reality)] }
        : { type: 'notDone' };
    },
  };
}
