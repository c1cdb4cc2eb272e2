import type { EffectKind, Model } from '#core/driver/model';
import { invariant, unreachable } from '#core/invariant';
import { hasEnded } from './abilities.ts';
import type { MigrationCommand, Rejection } from './commands.ts';
import { decide } from './decide.ts';
import { effectKinds, isSideEffect, type Effect, type SideEffectType } from './effects.ts';
import { canTake, evolve, initialMigration, type MigrationState } from './evolve.ts';
import { migrationSchemaVersion, type MigrationFact } from './facts.ts';
import { migrationModel as chartModel } from './machine.ts';

// One of each: a driver asks this for all that is outstanding, after every fact.
const sideEffect: EffectKind = { type: 'sideEffect' };
const idempotent: EffectKind = { type: 'idempotent' };

/** The migration chart in the form a driver takes. */
export const migrationModel: Model<MigrationState, MigrationFact, MigrationCommand, Effect, Rejection> = {
  ...chartModel,
  schemaVersion: migrationSchemaVersion,
  initial: initialMigration,
  evolve,
  canTake,
  decide,
  work: (state) => state.work,
  hasEnded,
  kindOf: (effect) => {
    if (effect.type === 'armTimer') return { type: 'timer', wait: effect.params.wait };
    return isSideEffect(effect.type) ? sideEffect : idempotent;
  },
  notes: {
    requested: (key, effect) => ({ type: 'EffectRequested', data: { key, effect: sideEffectOf(effect) } }),
    unknown: (key, effect, why) => ({ type: 'OutcomeUnknown', data: { key, effect: sideEffectOf(effect), why } }),
    reconciled: (key, found) => ({ type: 'OutcomeReconciled', data: { key, found } }),
    undecidable: (key, why) => ({ type: 'OutcomeUndecidable', data: { key, why } }),
    deadlinePassed: (effect) => {
      invariant(effect.type === 'armTimer', `${effect.type} is not a timer`);
      return { type: 'DeadlinePassed', data: { timer: effect.params.timer } };
    },
    vouched: (effect) => vouchedOutcome(sideEffectOf(effect)),
  },
};

function sideEffectOf(effect: Effect): SideEffectType {
  invariant(
    isSideEffect(effect.type),
    `${effect.type} is ${effectKinds[effect.type]}: it is never recorded as requested`,
  );
  return effect.type;
}

const vouched = 'vouched for by an operator';

// What is logged when a person says that an effect whose answer was lost has been done.
function vouchedOutcome(effect: SideEffectType): MigrationFact {
  switch (effect) {
    case 'initiateReplication':
      return { type: 'ReplicationInitiated', data: { disks: [] } };
    case 'launchTest':
      return { type: 'TestLaunched', data: { vm: vouched } };
    case 'cleanUpTest':
      return { type: 'TestCleanedUp', data: {} };
    case 'quiesceSource':
      return { type: 'SourceQuiesced', data: { method: vouched, found: 'unknown' } };
    case 'fenceSource':
      return { type: 'SourceFenced', data: { proof: vouched } };
    case 'fixUpReplica':
      return { type: 'ReplicaFixedUp', data: { findings: [] } };
    case 'launchTarget':
      return { type: 'TargetLaunched', data: { vm: vouched } };
    case 'connectTarget':
      return { type: 'TargetConnected', data: { networks: [] } };
    case 'rollBack':
      return { type: 'RolledBack', data: { source: 'unknown' } };
    case 'releaseSource':
      return { type: 'SourceReleased', data: { removed: [] } };
    case 'retireSource':
      return { type: 'SourceRetired', data: { note: vouched } };
    default:
      return unreachable(effect);
  }
}
