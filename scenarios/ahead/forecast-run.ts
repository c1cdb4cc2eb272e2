import type { MigrationId } from '#core/ids';
import type { Instant } from '#core/units';
import { machineStanding, type MachineStanding } from '#simulator/flow/resume';
import type { Turn } from '#simulator/kernel/simulated-clock';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import type { InferredEstate } from './estate-of-run.ts';
import { outlooks, type Outlook } from './outlook.ts';
import { factIn, type RecordedRun } from './recorded-run.ts';
import { runAhead, type AheadOptions } from './run-ahead.ts';

/** What a forecast of a run is made of. */
export interface ForecastOptions extends Pick<AheadOptions, 'run' | 'approveAfter' | 'horizon' | 'progressEvery'> {
  readonly estate: Pick<InferredEstate, 'estate'>;
  /** The moment from which it goes on; not before the last fact. */
  readonly now: Instant;
  /** The first seed, and how many. */
  readonly seed: number;
  readonly seeds: number;
  readonly turn: Turn;
  /** Aborting it ends the forecast after the seed that runs. */
  readonly signal?: AbortSignal;
  /** Told after each seed how many are done. */
  readonly onSeed?: (done: number) => void;
}

/** Goes on with a run once for each seed. Same log, same seeds, same answer. */
export async function forecastRun(options: ForecastOptions): Promise<Outlook> {
  const { run, estate, now, seed, seeds, turn, signal, onSeed } = options;
  const folded = outlooks(now);
  const standing = machineStandings(run);
  for (let done = 0; done < seeds && signal?.aborted !== true; done += 1) {
    // A stream of its own, so that no command of a rehearsal of the same seed has the name of one that is in the log.
    const rng = seededRng(seed + done).fork('ahead');
    const outcome = await runAhead({
      ...options,
      ...{ standing, rng, clock: virtualClock({ turn, start: now }), estate: estate.estate(rng.fork('estate')) },
    });
    folded.add(outcome);
    onSeed?.(done + 1);
  }
  return folded.outlook();
}

/** Where the machine of each migration of a run stands. */
export function machineStandings({ migrations }: Pick<RecordedRun, 'migrations'>): AheadOptions['standing'] {
  const standings = new Map<MigrationId, MachineStanding>(
    migrations.map(({ id, history }) => [
      id,
      machineStanding(
        history.map((fact) => ({ fact: factIn(fact), place: { stream: fact.stream, time: fact.metadata.time } })),
      ),
    ]),
  );
  return (migration) => standings.get(migration);
}
