import { isSideEffect, type Effect } from '#core/migration/effects';
import { evolve, initialMigration, type FactPlace, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact, MigrationFactOf } from '#core/migration/facts';
import { bytes, instant, type Instant } from '#core/units';
import type { Machine, RoundState } from './machine.ts';
import { writeLedger, type WriteLedger } from './write-ledger.ts';

/**
 * Where the parts of one VM's migration stand, as far as its log tells: so that a world can go on from there.
 *
 * Work that was asked for and has no answer in the log counts as not done. Whoever takes the migration up asks the world
 * first, as after every restart, and is told so.
 */
export interface MachineStanding extends Pick<
  Machine,
  'source' | 'tracking' | 'target' | 'clone' | 'replica' | 'round' | 'complete'
> {
  readonly writes: WritesStanding;
}

/** Since when the guest's writes count as dirty, and when it did not run meanwhile. */
interface WritesStanding {
  readonly since: Instant;
  readonly stopped: Instant | null;
  readonly startedAgain: Instant | null;
}

/** A round that the driver has asked for. */
interface Begun {
  readonly kind: RoundState['kind'];
  readonly round: RoundState['round'];
  readonly since: Instant;
}

interface Told extends MachineStanding {
  readonly begun: Begun | undefined;
}

const untouched: Told = {
  source: { power: 'running', connected: true },
  tracking: 'none',
  target: { power: 'none', connected: false },
  clone: 'none',
  replica: { made: false, fixedUp: false },
  round: undefined,
  complete: false,
  writes: { since: instant(0), stopped: null, startedAgain: null },
  begun: undefined,
};

/** Folds a migration's facts, or any prefix of them, into where its machine stands. */
export function machineStanding(
  facts: Iterable<{ readonly fact: MigrationFact; readonly place: FactPlace }>,
): MachineStanding {
  let state = initialMigration();
  let told = untouched;
  for (const { fact, place } of facts) {
    told = moved(told, state, fact, place.time);
    state = evolve(state, fact, place);
    told = { ...told, begun: begunBy(state, told.begun) };
  }
  const { begun: _begun, ...standing } = told;
  return standing;
}

/** A machine nobody has touched, put where its log says it stands. */
export const takenUp = (machine: Machine, standing: MachineStanding): Machine => ({
  ...machine,
  ...standing,
  // The world changes it as the round goes on; the standing is told of many worlds.
  round: standing.round && { ...standing.round },
  writes: ledgerOf(machine, standing.writes),
});

function ledgerOf({ vm, assumptions }: Machine, { since, stopped, startedAgain }: WritesStanding): WriteLedger {
  const ledger = writeLedger(vm.writes, assumptions.rounds.grain, since);
  if (stopped !== null) ledger.stop(stopped);
  if (startedAgain !== null) ledger.start(startedAgain);
  return ledger;
}

const kinds: { readonly [T in Effect['type']]?: RoundState['kind'] } = {
  runFullSync: 'full',
  runDeltaSync: 'delta',
  runRescan: 'rescan',
  runFinalSync: 'final',
};

/** The round that is asked for. Asked for again after an interruption, it is still the one that was begun then. */
function begunBy(state: MigrationState, before: Begun | undefined): Begun | undefined {
  for (const { effect, since } of state.work) {
    const kind = kinds[effect.type];
    if (kind === undefined || isSideEffect(effect.type) || !('round' in effect.params)) continue;
    const { round } = effect.params;
    return before?.kind === kind && before.round === round ? before : { kind, round, since };
  }
  return before;
}

function moved(told: Told, state: MigrationState, fact: MigrationFact, at: Instant): Told {
  switch (fact.type) {
    case 'ReplicationInitiated':
      return { ...told, tracking: 'on', replica: { made: true, fixedUp: false }, writes: marked(told, at) };
    case 'RoundProgressed':
      return progressed(told, state, fact);
    case 'RoundCompleted':
    case 'FinalSyncCompleted':
      return completed(told, fact, at);
    case 'TrackingLost':
      return { ...told, tracking: 'lost' };
    case 'FinalSyncFailed':
      return fact.data.trackingLost ? { ...told, tracking: 'lost' } : told;
    case 'TestLaunched':
      return { ...told, clone: 'running' };
    case 'TestCleanedUp':
      return { ...told, clone: 'none' };
    case 'SourceQuiesced': {
      const writes = { ...told.writes, stopped: at, startedAgain: null };
      return { ...told, source: { ...told.source, power: 'off' }, writes };
    }
    case 'SourceFenced':
      return { ...told, source: { power: 'off', connected: false } };
    case 'ReplicaFixedUp':
      return { ...told, replica: { ...told.replica, fixedUp: true } };
    case 'TargetLaunched':
      return { ...told, target: { power: 'running', connected: false } };
    case 'TargetConnected':
      return { ...told, target: { power: 'running', connected: true } };
    case 'RolledBack':
      return rolledBack(told, fact, at);
    case 'SourceReleased':
    case 'SourceRetired':
      return { ...told, tracking: 'none' };
    default:
      return told;
  }
}

/** Writes from `at` on are the next round's. */
const marked = ({ source }: Told, at: Instant): WritesStanding => ({
  since: at,
  stopped: source.power === 'off' ? at : null,
  startedAgain: null,
});

const isOpen = (round: RoundState | undefined, begun: Begun): boolean =>
  round !== undefined && !round.closed && round.kind === begun.kind && round.round === begun.round;

function progressed(told: Told, state: MigrationState, { data }: MigrationFactOf<'RoundProgressed'>): Told {
  const { begun } = told;
  if (!begun || begun.round !== data.round) return told;
  const goesOn = isOpen(told.round, begun);
  const differing = begun.kind === 'rescan' ? differingIn(data, state, told) : data.total;
  const round: RoundState = {
    ...{ round: data.round, kind: begun.kind, planned: data.total, closed: false },
    differing: bytes(differing),
    durable: bytes(Math.min(differing, begun.kind === 'rescan' ? data.sent : data.done)),
    reached: data.done,
    sentBefore: data.sent,
  };
  return {
    ...told,
    round,
    tracking: begun.kind === 'rescan' ? 'on' : told.tracking,
    writes: goesOn ? told.writes : marked(told, begun.since),
  };
}

/**
 * What of a rescan differs is known only when it is over. Once something of it was sent, the rest is taken to be alike;
 * before that, what was dirty when tracking was lost is all there is to go by.
 */
function differingIn(
  { done, total, sent }: MigrationFactOf<'RoundProgressed'>['data'],
  { snapshot }: MigrationState,
  { complete, round }: Told,
): number {
  if (!complete) return total;
  if (sent > 0 && done > 0) return Math.min(total, sent + Math.ceil(((total - done) * sent) / done));
  const unfinished = round && !round.closed ? round.differing - round.durable : 0;
  return Math.min(total - done, snapshot.context.dirty + unfinished);
}

function completed(told: Told, { data }: MigrationFactOf<'RoundCompleted' | 'FinalSyncCompleted'>, at: Instant): Told {
  const { begun } = told;
  const seen = begun !== undefined && isOpen(told.round, begun);
  const began = begun?.round === data.round ? begun.since : instant(Math.max(0, at - data.duration));
  return {
    ...told,
    complete: true,
    tracking: data.kind === 'rescan' ? 'on' : told.tracking,
    round: undefined,
    begun: undefined,
    writes: seen ? told.writes : marked(told, began),
  };
}

function rolledBack(told: Told, { data }: MigrationFactOf<'RolledBack'>, at: Instant): Told {
  const runs = data.source === 'running' || data.source === 'unknown';
  const wasOff = told.source.power === 'off';
  return {
    ...told,
    source: { power: runs ? 'running' : 'off', connected: true },
    target: { power: 'none', connected: false },
    replica: { ...told.replica, fixedUp: false },
    writes: runs && wasOff ? { ...told.writes, startedAgain: at } : told.writes,
  };
}
