import type { MigrationId } from '#core/ids';
import { waveModel } from '#core/wave/model';
import type { RecordedRun, RecordedWave } from './recorded-run.ts';
import { restOf, type Care, type Rest } from './rest.ts';

/** Whether a wave may still start the cutover of a member. */
const mayStart = ({ state }: Pick<RecordedWave, 'state'>): boolean =>
  !waveModel.hasEnded(state) && !state.snapshot.matches('recovering');

/** Who looks after a migration, as its waves stand. `waves`: those it is a member of. */
export const careBy = (waves: readonly Pick<RecordedWave, 'state'>[]): Care => ({
  isLedOn: waves.length === 0 || waves.some(mayStart),
  triesAgain: waves.length === 0,
});

/** The waves a migration is a member of. */
export const wavesOf = ({ waves }: Pick<RecordedRun, 'waves'>, migration: MigrationId): readonly RecordedWave[] =>
  waves.filter(({ plan }) => plan.members.some((member) => member.migration === migration));

/** How each migration of a run rests; undefined where it is on its way. */
export const restsOf = (run: RecordedRun): ReadonlyMap<MigrationId, Rest | undefined> =>
  new Map(run.migrations.map(({ id, state }) => [id, restOf(state, careBy(wavesOf(run, id)))]));

/** Migrations that are on their way: what there is to forecast. */
export const leftOf = (run: RecordedRun): readonly MigrationId[] =>
  [...restsOf(run)].flatMap(([id, rest]) => (rest === undefined ? [id] : []));
