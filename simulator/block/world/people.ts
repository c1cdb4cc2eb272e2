import type { MigrationId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import type { Rng } from '#core/rng';
import { after, millis, minutes, seconds, type Millis } from '#core/units';
import type { Scheduled } from '#simulator/kernel/event-queue';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';

/** The people around a wave: they see where each migration stands, and ask for something after a while. */
export interface People {
  look(migration: MigrationId, state: MigrationState): void;
  /** The wave has nothing to do with its members any more: what did not move is given up, what moved is finalized. */
  waveIsOver(): void;
}

/** What people need. */
export interface PeopleOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  /** Whether they give up the way back of what has moved. */
  readonly finalize: boolean;
  /** Asks the manager for something, once there is one to ask. */
  readonly send: (migration: MigrationId, command: MigrationCommand) => void;
  /** Looks what became of something whose answer was lost, at the place where it was to be done. */
  readonly lookAt: (migration: MigrationId) => Promise<'done' | 'notDone' | 'cannotTell'>;
  /** Stops a source that was started again although its replica has taken over. */
  readonly stopSource: (migration: MigrationId) => void;
  /** How much later than they should they come, for this VM, now. */
  readonly lateBy: (migration: MigrationId) => Millis;
}

interface Wish {
  readonly cause: string;
  readonly after: Millis;
  readonly command: MigrationCommand | 'decideOutcome' | 'stopSource';
}

// What does not get better is given up: somebody cancels after so many tries.
const triesMax = 12;
const by = 'ada';

/** People who do what a careful operator does, and sometimes late. */
export function people({ clock, rng, finalize, send, lookAt, stopSource, lateBy }: PeopleOptions): People {
  const wishes = new Map<MigrationId, { readonly cause: string; readonly scheduled: Scheduled }>();
  const states = new Map<MigrationId, MigrationState>();
  const tries = new Map<string, number>();
  let isWaveOver = false;

  const look = (migration: MigrationId, state: MigrationState): void => {
    states.set(migration, state);
    const wish = wishOf(state, { isWaveOver, finalize });
    const present = wishes.get(migration);
    if (present?.cause === wish?.cause) return;
    present?.scheduled.cancel();
    wishes.delete(migration);
    if (wish) want(migration, wish);
  };
  const want = (migration: MigrationId, wish: Wish): void => {
    const wait = millis(wish.after + rng.between(0, 20_000) + lateBy(migration));
    const scheduled = clock.schedule(after(clock.now(), wait), () => void act(migration, wish));
    wishes.set(migration, { cause: wish.cause, scheduled });
  };
  const again = (migration: MigrationId): void => {
    wishes.delete(migration);
    const state = states.get(migration);
    if (state) look(migration, state);
  };
  const act = async (migration: MigrationId, wish: Wish): Promise<void> => {
    const key = `${migration} ${wish.cause}`;
    const count = (tries.get(key) ?? 0) + 1;
    tries.set(key, count);
    if (wish.command === 'decideOutcome') {
      const outcome = await lookAt(migration);
      if (outcome !== 'cannotTell') send(migration, { type: 'DecideOutcome', data: { outcome, by } });
    } else if (wish.command === 'stopSource') stopSource(migration);
    else if (count > triesMax) send(migration, giveUp(states.get(migration)));
    else send(migration, wish.command);
    // If it led to nothing they look again; otherwise a fact has changed the cause by then.
    clock.schedule(after(clock.now(), minutes(1)), () => {
      if (wishes.get(migration)?.cause === wish.cause) again(migration);
    });
  };
  return {
    look,
    waveIsOver() {
      isWaveOver = true;
      for (const migration of states.keys()) again(migration);
    },
  };
}

const noBetter = 'it gets no better';

/** What ends it. A test is ended first: it is not cancelled from within. */
function giveUp(state: MigrationState | undefined): MigrationCommand {
  if (state && axesOf(state).lifecycle.startsWith('testing.'))
    return { type: 'JudgeTest', data: { verdict: 'failed', note: noBetter } };
  return { type: 'CancelMigration', data: { reason: noBetter } };
}

const wish = <T extends MigrationCommand['type']>(
  cause: string,
  delay: Millis,
  type: T,
  data: Extract<MigrationCommand, { type: T }>['data'],
): Wish => ({ cause, after: delay, command: { type, data } as MigrationCommand });

/** What they ask for where a migration stands so. */
function wishOf(
  state: MigrationState,
  { isWaveOver, finalize }: { readonly isWaveOver: boolean; readonly finalize: boolean },
): Wish | undefined {
  const { lifecycle, outcome, replication } = axesOf(state);
  if (outcome === 'undecidable') return { cause: outcome, after: minutes(2), command: 'decideOutcome' };
  const rollBack = { reason: 'the target did not pass', acceptLossOfTargetWrites: true };
  switch (lifecycle) {
    case 'blocked':
      return wish(lifecycle, minutes(1), 'VerifySource', {});
    case 'testing.running':
      return wish(lifecycle, seconds(30), 'JudgeTest', { verdict: 'passed', note: 'looked at in isolation' });
    case 'cuttingOver.undecided':
    case 'failed':
      return wish(lifecycle, minutes(1), 'RollBack', rollBack);
    case 'finalizing.waiting':
      // Before it is tried again, which is every minute.
      return { cause: lifecycle, after: seconds(20), command: 'stopSource' };
    case 'cutOver':
      return isWaveOver && finalize ? wish(lifecycle, minutes(1), 'Finalize', {}) : undefined;
    case 'draft':
    case 'ready':
    case 'protected':
    case 'rolledBack':
      if (isWaveOver)
        return wish(`${lifecycle} after the wave`, minutes(1), 'CancelMigration', { reason: 'it did not move' });
      break;
    default:
  }
  return replication === 'stalled.blocked' ? wish(replication, minutes(1), 'ResumeReplication', {}) : undefined;
}
