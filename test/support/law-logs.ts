import type { StreamId } from '#core/event-log/event-log';
import { judgeLog, type Breach } from '#core/laws/judge';
import type { Entry, LawId, Witness } from '#core/laws/law';
import { laws } from '#core/laws/laws';
import type { MigrationFact, MigrationFactOf, MigrationFactType, RoundReport } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import { diskId, migrationId } from '#core/ids';
import { bytes, instant, MiB, round } from '#core/units';
import type { WaveFact, WaveFactType } from '#core/wave/facts';
import type { WavePlan } from '#core/wave/plan';
import { samplePlan, sampleReport } from './migration-facts.ts';
import { sampleWavePlan } from './wave-facts.ts';

/** A fact of a log that is written by hand: what, when (seconds), and by whom if that matters. */
export interface Line {
  readonly stream?: StreamId;
  readonly at?: number;
  readonly actor?: string;
  readonly schemaVersion?: number;
  readonly fact: MigrationFact | WaveFact;
}

/** A fact of the migration `web-01`, or of another stream that `more` names. */
export const line = <T extends MigrationFactType>(
  type: T,
  data: MigrationFactOf<T>['data'] | Record<never, never> = {},
  more: Omit<Line, 'fact'> = {},
): Line => ({ ...more, fact: { type, data } as MigrationFact });

/** A fact of the wave `wave-night`. */
export const waveLine = <T extends WaveFactType>(
  type: T,
  data: Extract<WaveFact, { type: T }>['data'] | Record<never, never> = {},
  more: Omit<Line, 'fact'> = {},
): Line => ({ stream: 'wave-night', ...more, fact: { type, data } as WaveFact });

/** Entries of a log: revisions by stream, a second between facts where no time is said. */
export function entriesOf(lines: readonly Line[]): readonly Entry[] {
  const next = new Map<StreamId, number>();
  let at = 0;
  return lines.map(({ stream = 'migration-web-01', actor = 'world', schemaVersion = 1, fact, at: time }) => {
    at = time === undefined ? at + 1 : time;
    const revision = next.get(stream) ?? 0;
    next.set(stream, revision + 1);
    return { stream, revision, fact, at: instant(at * 1_000), actor, schemaVersion };
  });
}

const vda = diskId('vda');

/** What a migration begins with. */
export const drafted = (changes: Partial<MigrationPlan> = {}): Line =>
  line('MigrationDrafted', { plan: samplePlan(changes) });

/** A round of one disk that was compared. */
export const rounded = (n: number, kind: RoundReport['kind'], changes: Partial<RoundReport> = {}): Line =>
  line(kind === 'final' ? 'FinalSyncCompleted' : 'RoundCompleted', {
    ...sampleReport({
      round: round(n),
      kind,
      disks: [{ disk: vda, sent: bytes(MiB), zeroed: bytes(0), root: `root-${n}` }],
    }),
    ...changes,
  });

/** An effect that the world is asked for. */
export const asked = (
  effect: MigrationFactOf<'EffectRequested'>['data']['effect'],
  key = `migration-web-01@${effect}/0`,
): Line => line('EffectRequested', { key, effect });

/** From the draft to a replica that is parked. */
export const toParked = (changes: Partial<MigrationPlan> = {}): readonly Line[] => [
  drafted(changes),
  line('VerificationRequested'),
  line('VerificationPassed', { checks: [] }),
  line('ProtectionStarted'),
  asked('initiateReplication'),
  line('ReplicationInitiated', { disks: [{ disk: vda, tracked: true }] }),
  line('RoundProgressed', { round: round(0), done: bytes(1), total: bytes(2), sent: bytes(1) }),
  rounded(0, 'full'),
];

/** A cutover of the whole way, from its approval to a target that passed. */
export const cutover = (n: number): readonly Line[] => [
  line('CutoverApproved', { by: 'grace' }),
  line('CutoverStarted'),
  rounded(n, 'delta'),
  asked('quiesceSource'),
  line('SourceQuiesced', { method: 'shutdown', found: 'running' }),
  rounded(n + 1, 'final'),
  asked('fenceSource'),
  line('SourceFenced', { proof: 'off' }),
  asked('fixUpReplica'),
  line('ReplicaFixedUp', { findings: [] }),
  asked('launchTarget'),
  line('TargetLaunched', { vm: 'web-01' }),
  asked('connectTarget'),
  line('TargetConnected', { networks: ['prod'] }),
  line('TargetValidated', { checks: [] }),
];

/** A migration that is finalized. */
export const goodMigration: readonly Line[] = [
  ...toParked(),
  ...cutover(1),
  line('FinalizationRequested'),
  asked('retireSource'),
  line('SourceRetired', { note: 'moved' }),
];

/** A wave of the two members of `sampleWavePlan`. */
export const waveOf = (changes: Partial<WavePlan> = {}): readonly Line[] => [
  waveLine('WaveDrafted', { plan: sampleWavePlan(changes) }),
  waveLine('WaveStarted'),
  waveLine('WindowOpened'),
];

/** A member of a wave, as far as it matters to laws of waves. */
export const member = (id: string, ...lines: readonly Line[]): readonly Line[] =>
  lines.map((each) => ({ ...each, stream: `migration-${migrationId(id)}` as const }));

const reason = { type: 'Sample', detail: 'a sample' };

/** How far a round of 100 bytes is. */
export const progress = (n: number, done: number, at?: number): Line =>
  line(
    'RoundProgressed',
    { round: round(n), done: bytes(done), total: bytes(100), sent: bytes(done) },
    at === undefined ? {} : { at },
  );

/** The end of a wave of `db` and `web`, which are left so; and why `web` is. */
export const completed = (db: string, web: string, why?: 'apart'): Line =>
  waveLine('WaveCompleted', {
    members: [
      { migration: migrationId('db'), lifecycle: db },
      { migration: migrationId('web'), lifecycle: web, ...(why && { why }) },
    ],
  });

/** From the draft to a fix-up that failed, and the way back that is asked for. */
export const toRolledBack = (): readonly Line[] => [
  ...toParked(),
  ...cutover(1).slice(0, 9),
  line('FixUpFailed', { reason }),
  asked('rollBack'),
];

/** A source that is found in some way, and a final sync that fails for a reason. */
export const toFinalSync = (
  found: MigrationFactOf<'SourceQuiesced'>['data']['found'],
  type: string,
): readonly Line[] => [
  ...toParked(),
  ...cutover(1).slice(0, 4),
  line('SourceQuiesced', { method: 'shutdown', found }),
  line('FinalSyncFailed', { reason: { type, detail: 'a sample' }, trackingLost: false }),
  asked('rollBack'),
];

/** A witness who has seen nothing. */
export const nobody: Witness = {
  replicaRoots: () => undefined,
  sourceRoots: () => undefined,
  disksNow: () => undefined,
  trackingLostAt: () => undefined,
  leftovers: () => [],
  foreignTouched: () => [],
};

/** A log that is held against one law. */
export interface LawLog {
  readonly law: LawId;
  readonly lines: readonly Line[];
  readonly isOver?: boolean;
  /** What a witness knows; of all else it knows nothing. */
  readonly witness?: Partial<Witness>;
}

/** What a log breaks of its law. */
export const judged = ({ law, lines, isOver = false, witness }: LawLog): readonly Breach[] =>
  judgeLog(
    laws.filter(({ id }) => id === law),
    entriesOf(lines),
    { isOver, ...(witness && { witness: { ...nobody, ...witness } }) },
  );
