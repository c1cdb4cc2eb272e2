import { axesOf } from '#core/migration/abilities';
import { foldProgress, noProgress } from '#core/migration/progress';
import { formatDuration, formatPercent, formatPlural, formatTime } from '#core/text/format';
import { after, elapsed, millis, type Instant, type Millis } from '#core/units';
import { waveStateName } from '#core/wave/decide';
import type { Inference } from '#scenarios/ahead/estate-of-run';
import { careBy, leftOf, restsOf, wavesOf } from '#scenarios/ahead/left';
import { isAtRisk, type MemberOutlook, type Outlook } from '#scenarios/ahead/outlook';
import { factIn, type RecordedMigration, type RecordedRun } from '#scenarios/ahead/recorded-run';
import type { Rest } from '#scenarios/ahead/rest';
import type { Spread } from '#scenarios/spread';

// More than fit on a screen are for --json.
const shown = 12;

/** Where one migration stands now. */
export interface Present {
  readonly migration: string;
  readonly lifecycle: string;
  readonly replication: string;
  /** Of the round that runs, a fraction of 1; null where none does or nothing is known of it. */
  readonly round: number | null;
  readonly rest: Rest | null;
}

/** Where each migration of a run stands now. */
export function presentOf(run: RecordedRun): readonly Present[] {
  const rests = restsOf(run);
  return run.migrations.map((migration) => {
    const { lifecycle, replication } = axesOf(migration.state);
    const rest = rests.get(migration.id) ?? null;
    return { migration: migration.id, lifecycle, replication, round: rest === null ? roundOf(migration) : null, rest };
  });
}

function roundOf({ history, state }: RecordedMigration): number | null {
  if (!state.work.some(({ effect }) => 'round' in effect.params)) return null;
  let progress = noProgress;
  for (const fact of history) progress = foldProgress(progress, factIn(fact), fact.metadata.time);
  return progress.round && progress.round.total > 0 ? progress.round.fraction : null;
}

/** Where a run stands now, for a person. */
export function presentLines(run: RecordedRun, now: Instant): readonly string[] {
  const present = presentOf(run);
  const width = Math.max(...present.map(({ migration }) => migration.length));
  const lines = present.slice(0, shown).map(({ migration, lifecycle, replication, round }) => {
    const part = round === null ? '' : `, ${formatPercent(round)} of the round`;
    return `  ${migration.padEnd(width)}  ${lifecycle}, replication ${replication}${part}`;
  });
  const last = run.lastAt ?? now;
  const since = now > last ? `, ${formatDuration(elapsed(last, now))} before the moment this starts from` : '';
  return [
    `Last fact ${formatTime(last)}${since}: ${leftOf(run).length} of ${formatPlural(present.length, 'migration')} on their way`,
    ...run.waves.map(({ id, state }) => `  wave ${id}: ${waveStateName(state)}`),
    ...lines,
    ...more(present.length),
  ];
}

const more = (count: number): readonly string[] =>
  count > shown ? [`  and ${count - shown} more (--json has all)`] : [];

/** Why nothing is forecast, in one line. */
export function nothingLeft(run: RecordedRun): string {
  const rests = [...restsOf(run).values()];
  const count = (rest: Rest): number => rests.filter((each) => each === rest).length;
  const parts = [
    ...(count('moved') > 0 ? [`${count('moved')} moved`] : []),
    ...(count('stays') > 0 ? [`${count('stays')} stay where they are`] : []),
    ...(count('asks') > 0 ? [`${count('asks')} wait for a person to decide or to remove a cause`] : []),
  ];
  return `nothing is left to forecast: of ${formatPlural(rests.length, 'migration')} ${parts.join(', ')}`;
}

/** Whether a migration waits for a person. */
export const isWaitedFor = (run: RecordedRun): boolean => [...restsOf(run).values()].includes('asks');

/** What people are assumed to do, as far as it matters to this run. */
export function assumedOf(run: RecordedRun, approveAfter: Millis, now: Instant): readonly Inference[] {
  const assumed = (what: Inference['what'], value: string, from: string): Inference => ({
    of: 'all',
    what,
    value,
    from,
  });
  const delay = approveAfter === 0 ? 'at once' : `after ${formatDuration(approveAfter)}`;
  const left = new Set(leftOf(run));
  const going = run.migrations.filter(({ id }) => left.has(id));
  const alone = going.filter(({ id }) => wavesOf(run, id).length === 0);
  const unapproved = going.filter(
    ({ plan, state }) => plan.approval !== 'given' && state.snapshot.context.approvedBy === null,
  );
  const asks = [...restsOf(run)].flatMap(([id, rest]) => (rest === 'asks' ? [id] : []));
  return [
    ...(unapproved.length > 0
      ? [assumed('people', `approval is given ${delay}`, `${formatPlural(unapproved.length, 'VM')} not approved yet`)]
      : []),
    ...(going.some(({ plan, state }) => plan.testLaunch === 'required' && state.snapshot.context.test === 'none')
      ? [assumed('people', `a test launch is judged as passed ${delay}`, 'a plan requires one')]
      : []),
    ...(alone.length > 0
      ? [assumed('people', 'whoever runs it sends what sealift migrate sends', 'there is no wave for it')]
      : []),
    ...(asks.length > 0
      ? [assumed('people', `${asks.join(', ')}: nobody removes the cause`, 'only a person can')]
      : []),
    ...run.waves
      .filter((wave) => !careBy([wave]).isLedOn || waveStateName(wave.state).endsWith('paused'))
      .map(({ id, state }) => assumed('people', `wave ${id} stays ${waveStateName(state)}`, 'as it is in the log')),
    assumed('people', `it goes on at ${formatTime(now)}`, now === run.lastAt ? 'the last fact of the log' : '--now'),
  ];
}

/** What was assumed and inferred, for a person: what holds for all, then a VM a line. */
export function assumptionLines(
  run: RecordedRun,
  inferences: readonly Inference[],
  approveAfter: Millis,
  now: Instant,
): readonly string[] {
  const common = [...assumedOf(run, approveAfter, now), ...inferences.filter(({ of }) => of === 'all')];
  const left = leftOf(run);
  const lines = left.slice(0, shown).map((id) => {
    const own = inferences.filter(({ of, what }) => of === id && what !== 'guest');
    return `  ${id}: ${own.map(({ what, value, from }) => `${what} ${value} (${from})`).join('; ')}`;
  });
  return [
    'Assumed:',
    ...common.map(({ what, value, from }) => `  ${commonWords[what] ?? what}: ${value} (${from})`),
    ...lines,
    ...more(left.length),
  ];
}

const commonWords: { readonly [W in Inference['what']]?: string } = {
  shared: 'all VMs together move',
  steps: 'steps take',
  faults: 'faults',
};

/** When a run will end, and what may become of its VMs, for a person. */
export function outlookLines(outlook: Outlook, now: Instant, horizon: Millis): readonly string[] {
  const { seeds, notWithin, finish, downtime, members } = outlook;
  if (seeds === 0) return ['no seed was gone on with to its end'];
  const going = members.filter(({ rests, underWay }) => rests !== null || underWay > 0);
  const risky = going.filter(isAtRisk);
  const listed = (risky.length > 0 ? risky : going).slice(0, shown);
  const width = Math.max(0, ...listed.map(({ migration }) => migration.length));
  return [
    `${formatPlural(seeds, 'seed')} gone on with:`,
    ...(finish === null ? [] : ['  all at rest', ...momentLines(finish, now)]),
    ...(notWithin > 0
      ? [`  not within ${formatDuration(horizon)} in ${formatPercent(notWithin / seeds)} of the seeds`]
      : []),
    `  downtime of a VM: ${downtime === null ? 'none' : spreadText(downtime)}`,
    risky.length > 0 ? 'At risk:' : 'No VM is at risk. Longest down:',
    ...listed.map((member) => `  ${member.migration.padEnd(width)}  ${memberText(member, seeds)}`),
    ...more(risky.length > 0 ? risky.length : going.length),
  ];
}

const momentLines = (spread: Spread, now: Instant): readonly string[] =>
  (
    [
      ['P50', spread.p50],
      ['P90', spread.p90],
      ['P99', spread.p99],
    ] as const
  ).map(([name, value]) => {
    const wait = millis(Math.round(value));
    return `    ${name}  ${formatTime(after(now, wait))}, ${formatDuration(wait)} from then`;
  });

const spreadText = ({ p50, p90, p99 }: Spread): string =>
  [
    ['P50', p50],
    ['P90', p90],
    ['P99', p99],
  ]
    .map(([name, value]) => `${name} ${formatDuration(Math.round(Number(value)))}`)
    .join(', ');

function memberText({ stays, asks, underWay, overBudget, downtime, ends, why }: MemberOutlook, seeds: number): string {
  const share = (count: number): string => formatPercent(count / seeds);
  const notMoved = stays + asks + underWay;
  const [reason] = why;
  return [
    ...(notMoved > 0 ? [`not moved in ${share(notMoved)}${reason ? ` (${reason[0]})` : ''}`] : []),
    ...(overBudget > 0 ? [`final sync over its budget in ${share(overBudget)}`] : []),
    ...(downtime
      ? [`down ${formatDuration(Math.round(downtime.p50))}, P99 ${formatDuration(Math.round(downtime.p99))}`]
      : []),
    `ends ${ends.map(([lifecycle, count]) => `${lifecycle} ${share(count)}`).join(', ')}`,
  ].join('; ');
}
