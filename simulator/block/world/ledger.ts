import type { ProposedFact, StreamId } from '#core/event-log/event-log';
import type { MigrationId } from '#core/ids';
import { court, type Breach } from '#core/laws/judge';
import type { Entry, Law, Witness } from '#core/laws/law';
import { axesOf } from '#core/migration/abilities';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { waveStateName } from '#core/wave/decide';
import { evolveWave, initialWave, type WaveState } from '#core/wave/evolve';
import type { WaveFact } from '#core/wave/facts';
import type { BlockFaultKind } from '#simulator/block/fault-kinds';

/** Where everything stands by the log itself, whoever has died; and what breaks a law. */
export interface Ledger {
  /** Facts as the log took them in. */
  take(stream: StreamId, facts: readonly ProposedFact[]): void;
  state(migration: MigrationId): MigrationState;
  readonly wave: WaveState;
  readonly isWaveOver: boolean;
  /** Takes note that a fault struck a VM where it stands now. */
  struck(fault: BlockFaultKind, migrations: readonly MigrationId[]): void;
  readonly exercised: readonly { readonly state: string; readonly fault: BlockFaultKind }[];
  /** What was broken. `isOver`: nobody has anything left to do. Nothing may be taken afterwards. */
  breaches(isOver: boolean): readonly Breach[];
}

/** What a ledger tells as it goes. */
export interface LedgerOptions {
  readonly laws: readonly Law[];
  readonly witness: Witness;
  readonly onFact: (migration: MigrationId, fact: MigrationFact, state: MigrationState) => void;
  readonly onWave: (fact: WaveFact, state: WaveState) => void;
}

/** A ledger without facts. */
export function ledger({ laws, witness, onFact, onWave }: LedgerOptions): Ledger {
  const states = new Map<MigrationId, MigrationState>();
  const revisions = new Map<StreamId, number>();
  const exercised = new Map<string, { readonly state: string; readonly fault: BlockFaultKind }>();
  const found: Breach[] = [];
  let wave = initialWave();
  const stateOf = (migration: MigrationId): MigrationState => states.get(migration) ?? initialMigration();
  const sitting = court(laws, { witness, state: (stream) => states.get(memberOf(stream)) });

  const takeOne = (stream: StreamId, { type, data, metadata }: ProposedFact): void => {
    const revision = revisions.get(stream) ?? 0;
    revisions.set(stream, revision + 1);
    const { time, actor, schemaVersion } = metadata;
    const fact = { type, data } as Entry['fact'];
    const at = { stream, time };
    if (stream.startsWith('migration-'))
      states.set(memberOf(stream), evolve(stateOf(memberOf(stream)), fact as MigrationFact, at));
    else wave = evolveWave(wave, fact as WaveFact, at);
    found.push(...sitting.take({ stream, revision, fact, at: time, actor, schemaVersion }));
    if (stream.startsWith('migration-')) onFact(memberOf(stream), fact as MigrationFact, stateOf(memberOf(stream)));
    else onWave(fact as WaveFact, wave);
  };

  return {
    take: (stream, facts) => {
      for (const fact of facts) takeOne(stream, fact);
    },
    state: stateOf,
    get wave() {
      return wave;
    },
    get isWaveOver() {
      return ['completed', 'cancelled'].includes(waveStateName(wave));
    },
    struck(fault, migrations) {
      for (const migration of migrations) {
        const { lifecycle, replication } = axesOf(stateOf(migration));
        for (const state of [lifecycle, `replication ${replication}`])
          exercised.set(`${state} ${fault}`, { state, fault });
      }
    },
    get exercised() {
      return [...exercised.values()];
    },
    breaches(isOver) {
      found.push(...sitting.end(isOver));
      return found;
    },
  };
}

const memberOf = (stream: StreamId): MigrationId => stream.slice('migration-'.length) as MigrationId;
