import type { MigrationId } from '#core/ids';
import { hasMoved } from '#core/migration/abilities';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import type { MemberOutcome, WaveFact } from '#core/wave/facts';
import type { Instant } from '#core/units';
import type { WaveMember, WavePlan } from '#core/wave/plan';
import type { Entry, Law } from './law.ts';

/** What laws of waves remember of one member. */
export interface MemberRecord {
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

/** Members and waves of one log, as far as facts show. */
export interface WaveMemory {
  readonly members: Map<MigrationId, MemberRecord>;
  readonly waves: Map<string, WaveRecord>;
  /** Answers whose fact it is, if it is a migration's. `nth`: which of the log's streams it is in. */
  take(entry: Entry, nth: number): MigrationId | undefined;
}

const troubles: ReadonlySet<MigrationFact['type']> = new Set([
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

/** The types of facts that are remembered. */
export const rememberedFacts: readonly string[] = [
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
];

/** Remembers what laws of waves ask about. Take each fact before asking about it. */
export function waveMemory(): WaveMemory {
  const members = new Map<MigrationId, MemberRecord>();
  const waves = new Map<string, WaveRecord>();
  // By the number of the stream: looked up by name, each fact would cost several look-ups in tables of a whole fleet.
  const met: (Remembered | 'none' | undefined)[] = [];
  const meet = (stream: string, nth: number): Remembered | 'none' => {
    while (met.length <= nth) met.push(undefined);
    const first = stream.startsWith('migration-') ? remembered(members, stream) : 'none';
    met[nth] = first;
    return first;
  };
  return {
    members,
    waves,
    take: ({ stream, fact, at }, nth) => {
      const whose = met[nth] ?? meet(stream, nth);
      if (whose !== 'none') {
        takeMember(waves, whose, fact as MigrationFact);
        return whose.id;
      }
      if (stream.startsWith('wave-')) takeWave(waves, stream, fact as WaveFact, at);
      return undefined;
    },
  };
}

/** A member, and who it is. */
interface Remembered {
  readonly id: MigrationId;
  readonly record: MemberRecord;
}

function remembered(members: Map<MigrationId, MemberRecord>, stream: string): Remembered {
  const id = stream.slice('migration-'.length) as MigrationId;
  const record: MemberRecord = { ...unknownMember };
  members.set(id, record);
  return { id, record };
}

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

const unknownMember: Readonly<MemberRecord> = {
  plan: null,
  isApproved: false,
  testFailed: false,
  isVerified: false,
  cutovers: 0,
  hasTrouble: false,
  hasMoved: false,
};

function takeMember(
  waves: ReadonlyMap<string, WaveRecord>,
  { id, record: member }: Remembered,
  fact: MigrationFact,
): void {
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
        if (wave.isStarted && !wave.isCompleted && wave.planned.has(id))
          wave.started.set(id, (wave.started.get(id) ?? 0) + 1);
      break;
    default:
  }
}

/** The waves that may have begun a cutover of a member: those that are under way and have it. */
export const wavesOf = ({ waves }: WaveMemory, id: MigrationId): readonly WaveRecord[] =>
  [...waves.values()].filter((wave) => wave.isStarted && !wave.isCompleted && wave.planned.has(id));

/** A law that also says why a cutover that the planner has just begun breaks it, from what is remembered of waves. */
export function alsoOfPlannedCutovers(
  { streams: _all, ...law }: Law,
  why: (memory: WaveMemory, id: MigrationId) => string | undefined,
): Law {
  return {
    ...law,
    facts: [...new Set([...(law.facts ?? []), ...rememberedFacts])],
    begin: (witness) => {
      const judge = law.begin(witness);
      const memory = waveMemory();
      return {
        ...judge,
        of: (type) => {
          const take = judge.of(type);
          return (entry, nth) => {
            const id = memory.take(entry, nth);
            const broken = take(entry, nth);
            const isPlanned = entry.fact.type === 'CutoverStarted' && entry.actor === 'planner';
            return broken ?? (isPlanned && id !== undefined ? why(memory, id) : undefined);
          };
        },
      };
    },
  };
}

/** How a wave ended, for laws about who was left. */
export interface WaveEnd {
  readonly memory: WaveMemory;
  readonly wave: WaveRecord;
  readonly outcomes: readonly MemberOutcome[];
  /** Those whose targets own the data. */
  readonly moved: ReadonlySet<MigrationId>;
}

/** A law that judges a wave when it is completed. */
export const waveEndLaw = (law: Omit<Law, 'begin' | 'facts'>, judge: (end: WaveEnd) => string | undefined): Law => ({
  ...law,
  facts: rememberedFacts,
  begin: () => {
    const memory = waveMemory();
    return {
      of: () => (entry, nth) => {
        memory.take(entry, nth);
        if (entry.fact.type !== 'WaveCompleted') return undefined;
        const wave = memory.waves.get(entry.stream);
        if (!wave) return undefined;
        const outcomes = entry.fact.data.members;
        const moved = outcomes.filter(({ lifecycle }) => hasMoved(lifecycle)).map(({ migration }) => migration);
        return judge({ memory, wave, outcomes, moved: new Set(moved) });
      },
    };
  },
});
