import type { MigrationId } from '#core/ids';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import type { Instant } from '#core/units';
import type { WaveFact } from '#core/wave/facts';
import type { WaveMember, WavePlan } from '#core/wave/plan';

/*
 * What laws of waves remember of a log. One memory serves all laws of a court, which takes each fact into it before it
 * asks any law: what has happened is the same for all of them, and a fleet has a record for each of its machines.
 */

/** What laws of waves remember of one member. */
export interface MemberRecord {
  readonly id: MigrationId;
  /** Which of the log's streams it is. */
  readonly nth: number;
  plan: MigrationPlan | null;
  isApproved: boolean;
  testFailed: boolean;
  /** It was verified, and nothing has failed since. */
  isVerified: boolean;
  cutovers: number;
  /** It was taken back, blocked, cancelled or held up at least once: a reason of its own to stay. */
  hasTrouble: boolean;
  /** Its target has owned the data at least once. */
  hasMoved: boolean;
}

/** What laws of waves remember of one wave. */
export interface WaveRecord {
  readonly plan: WavePlan;
  /** Its members as planned, by migration: waves have thousands of them, and are asked about each with every fact. */
  readonly planned: ReadonlyMap<MigrationId, WaveMember>;
  approvedBy: string | null;
  isStarted: boolean;
  /** Its window has closed, or it was cancelled: time, and not the planner, is why somebody stays. */
  isCut: boolean;
  /** When its window closed. */
  closedAt: Instant | null;
  isCompleted: boolean;
  /** Cutovers of its members since its window opened, by member. */
  readonly started: Map<MigrationId, number>;
}

/** A fact, and where it stands. */
export interface RememberedFact {
  readonly stream: string;
  readonly fact: MigrationFact | WaveFact;
  readonly at: Instant;
}

/** Members and waves of one log, as far as facts show. Laws read it; whoever holds court takes facts into it. */
export interface WaveMemory {
  readonly members: ReadonlyMap<MigrationId, MemberRecord>;
  readonly waves: ReadonlyMap<string, WaveRecord>;
  /** Takes note of a fact. `nth`: which of the log's streams it is in. Facts whose type `remembers` denies may be left out. */
  take(fact: RememberedFact, nth: number): void;
  /** Whose stream that is, if it is a migration's. */
  memberOf(stream: string, nth: number): MemberRecord | undefined;
}

const troubles: ReadonlySet<string> = new Set<MigrationFact['type']>([
  'VerificationFailed',
  'ReplicationStalled',
  'ReplicationDisconnected',
  'ReplicationPaused',
  'TestLaunchFailed',
  'RolledBack',
  'RollbackRequested',
  'RollbackFailed',
  'CutoverRevoked',
  'CancellationRequested',
  'OutcomeUndecidable',
  'ValidationFailed',
]);

const remembered: ReadonlySet<string> = new Set([
  ...[
    'WaveDrafted',
    'WaveStarted',
    'WaveApproved',
    'WindowClosed',
    'WaveCancelled',
    'LastStartPassed',
    'WaveCompleted',
  ],
  ...['MigrationDrafted', 'CutoverApproved', 'VerificationPassed', 'TestJudged', 'CutoverStarted'],
  ...['TargetValidated', 'ValidationWaived'],
  ...troubles,
]);

/** Whether facts of this type leave anything in a memory of waves. */
export const remembers = (type: string): boolean => remembered.has(type);

/** Remembers nothing yet. */
export function waveMemory(): WaveMemory {
  const members = new Map<MigrationId, MemberRecord>();
  const waves = new Map<string, WaveRecord>();
  // By the number of the stream: looked up by name, each fact would cost several look-ups in tables of a whole fleet.
  const met: (MemberRecord | null)[] = [];
  const meet = (stream: string, nth: number): MemberRecord | null => {
    while (met.length <= nth) met.push(null);
    if (!stream.startsWith('migration-')) return null;
    const record = unknownMember(stream.slice('migration-'.length) as MigrationId, nth);
    members.set(record.id, record);
    met[nth] = record;
    return record;
  };
  const memberOf = (stream: string, nth: number): MemberRecord | undefined =>
    met[nth] ?? meet(stream, nth) ?? undefined;
  return {
    members,
    waves,
    memberOf,
    take: ({ stream, fact, at }, nth) => {
      const member = memberOf(stream, nth);
      if (member) takeMember(waves, member, fact as MigrationFact);
      else if (stream.startsWith('wave-')) takeWave(waves, stream, fact as WaveFact, at);
    },
  };
}

const unknownMember = (id: MigrationId, nth: number): MemberRecord => ({
  id,
  nth,
  plan: null,
  isApproved: false,
  testFailed: false,
  isVerified: false,
  cutovers: 0,
  hasTrouble: false,
  hasMoved: false,
});

function takeWave(waves: Map<string, WaveRecord>, stream: string, fact: WaveFact, at: Instant): void {
  if (fact.type === 'WaveDrafted')
    waves.set(stream, {
      plan: fact.data.plan,
      planned: new Map(fact.data.plan.members.map((member) => [member.migration, member])),
      approvedBy: null,
      isStarted: false,
      isCut: false,
      closedAt: null,
      isCompleted: false,
      started: new Map(),
    });
  const wave = waves.get(stream);
  if (!wave) return;
  if (fact.type === 'WaveStarted') wave.isStarted = true;
  if (fact.type === 'WaveApproved') wave.approvedBy = fact.data.by;
  if (fact.type === 'WindowClosed' || fact.type === 'WaveCancelled' || fact.type === 'LastStartPassed')
    wave.isCut = true;
  if (fact.type === 'WindowClosed') wave.closedAt = at;
  if (fact.type === 'WaveCompleted') wave.isCompleted = true;
}

function takeMember(waves: ReadonlyMap<string, WaveRecord>, member: MemberRecord, fact: MigrationFact): void {
  if (troubles.has(fact.type)) member.hasTrouble = true;
  switch (fact.type) {
    case 'MigrationDrafted':
      member.plan = fact.data.plan;
      break;
    case 'CutoverApproved':
      member.isApproved = true;
      break;
    case 'VerificationPassed':
      member.isVerified = true;
      break;
    case 'TestJudged':
      member.testFailed = fact.data.verdict === 'failed';
      break;
    case 'TargetValidated':
    case 'ValidationWaived':
      member.hasMoved = true;
      break;
    case 'CutoverStarted':
      member.cutovers += 1;
      for (const wave of waves.values())
        if (wave.isStarted && !wave.isCompleted && wave.planned.has(member.id))
          wave.started.set(member.id, (wave.started.get(member.id) ?? 0) + 1);
      break;
    default:
  }
}

/** The waves that may have begun a cutover of a member: those that are under way and have it. */
export const wavesOf = ({ waves }: WaveMemory, id: MigrationId): readonly WaveRecord[] =>
  [...waves.values()].filter((wave) => wave.isStarted && !wave.isCompleted && wave.planned.has(id));
