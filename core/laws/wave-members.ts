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
  /** Answers whose fact it is, if it is a migration's. */
  take(entry: Entry): MigrationId | undefined;
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
  // A name that is cut out of its stream anew with every fact is hashed anew with every look-up.
  const ids = new Map<string, MigrationId | undefined>();
  const idOf = (stream: string): MigrationId | undefined => {
    const known = ids.get(stream);
    if (known !== undefined || ids.has(stream)) return known;
    const id = stream.startsWith('migration-') ? (stream.slice('migration-'.length) as MigrationId) : undefined;
    ids.set(stream, id);
    return id;
  };
  return {
    members,
    waves,
    take: ({ stream, fact, at }) => {
      const id = idOf(stream);
      if (id !== undefined) takeMember({ members, waves }, id, fact as MigrationFact);
      else if (stream.startsWith('wave-')) takeWave(waves, stream, fact as WaveFact, at);
      return id;
    },
  };
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
  { members, waves }: Pick<WaveMemory, 'members' | 'waves'>,
  id: MigrationId,
  fact: MigrationFact,
): void {
  let member = members.get(id);
  if (!member) {
    member = { ...unknownMember };
    members.set(id, member);
  }
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
      of: () => (entry) => {
        memory.take(entry);
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
