import { fitsDowntime } from '#core/migration/chart';
import type { MigrationFact } from '#core/migration/facts';
import type { WaveMember } from '#core/wave/plan';
import type { Law } from './law.ts';
import type { MemberRecord, WaveMemory, WaveRecord } from './wave-memory.ts';

const endsCutover = [
  'TargetValidated',
  'ValidationWaived',
  'ValidationFailed',
  'CutoverRevoked',
  'CancellationRequested',
  'RolledBack',
  'RollbackFailed',
] as const satisfies readonly MigrationFact['type'][];
const endsReplication = [
  'ReplicationPaused',
  'CancellationRequested',
  'FinalizationRequested',
  'SourceQuiesced',
] as const satisfies readonly MigrationFact['type'][];

/** What places a member holds, a bit each. */
const holds = { replicating: 1, cuttingOver: 2 } as const;

/**
 * L21: nobody is admitted where there is no room. A parked member that falls back into replication by itself is not
 * stopped, so what counts is who was let in, and not who came back.
 */
export const limitsHold: Law = {
  id: 'L21',
  slug: 'limits-hold',
  statement:
    'Limits hold at every instant: no host, link, gateway, receiver or datastore over its tokens, nobody tried more often than planned, no two in a window that are to be apart.',
  incident: 'an appliance was given more disks than it could copy, and all of them failed together',
  facts: [
    ...new Set<string>([...endsCutover, ...endsReplication]),
    ...['WaveStarted', 'ProtectionStarted', 'CutoverStarted', 'RoundCompleted', 'ReplicationStalled'],
  ],
  begin: (_witness, memory) => {
    // By the number of the stream: every round that is completed is asked about.
    const places: number[] = [];
    const usages = new Map<string, Usage>();
    return {
      of: (type) => {
        if (type === 'WaveStarted')
          return ({ stream }) => void usages.set(stream, usageOf(memory, memory.waves.get(stream), places));
        const moved = moverOf(type);
        const isAdmitted = type === 'ProtectionStarted' || type === 'CutoverStarted';
        return ({ stream, fact, actor }, nth) => {
          const held = places[nth] ?? 0;
          // Who holds nothing has nothing to give back, and most rounds are of those.
          if (held === 0 && !isAdmitted) return undefined;
          const member = memory.memberOf(stream, nth);
          if (!member) return undefined;
          const holdsNow = moved(held, fact as MigrationFact, member);
          while (places.length <= nth) places.push(0);
          places[nth] = holdsNow;
          const [before, after] = [placeOf(held), placeOf(holdsNow)];
          if (before === after && !isAdmitted) return undefined;
          let broken: string | undefined;
          for (const [name, wave] of memory.waves) {
            const usage = usages.get(name);
            const planned = wave.planned.get(member.id);
            if (!usage || !planned || wave.isCompleted) continue;
            if (before !== after) {
              count(usage, planned, before, -1);
              count(usage, planned, after, 1);
            }
            if (!isAdmitted || actor !== 'planner') continue;
            broken ??= overLimit(wave, usage, planned, type === 'CutoverStarted');
            if (type === 'CutoverStarted') broken ??= tooOften(wave, planned) ?? notApart(wave, planned);
          }
          return broken;
        };
      },
    };
  },
};

/** What a member holds after a fact. */
type Mover = (held: number, fact: MigrationFact, member: MemberRecord) => number;

/** How facts of one type move members from place to place. */
function moverOf(type: string): Mover {
  const ends = (types: readonly string[], place: number): number => (types.includes(type) ? place : 0);
  const kept = ~(ends(endsCutover, holds.cuttingOver) | ends(endsReplication, holds.replicating));
  switch (type) {
    case 'ProtectionStarted':
      return (held) => held | holds.replicating;
    case 'CutoverStarted':
      return (held) => held | holds.cuttingOver;
    case 'RoundCompleted':
      return (held, fact, { plan }) =>
        fact.type === 'RoundCompleted' && plan && fitsDowntime(plan, fact.data) ? held & ~holds.replicating : held;
    case 'ReplicationStalled':
      return (held, fact) =>
        fact.type === 'ReplicationStalled' && !fact.data.retryable ? held & ~holds.replicating : held;
    default:
      return (held) => held & kept;
  }
}

type PlaceOf = 'cuttingOver' | 'replicating' | 'none';

/** What members of one wave take. One that cuts over holds that place alone. */
interface Usage {
  readonly members: Record<Exclude<PlaceOf, 'none'>, number>;
  readonly tokens: Map<string, number>;
}

function placeOf(held: number): PlaceOf {
  if (held & holds.cuttingOver) return 'cuttingOver';
  return held & holds.replicating ? 'replicating' : 'none';
}

/** What is taken when a wave starts: its members may be on their way from an earlier one. */
function usageOf({ members }: WaveMemory, wave: WaveRecord | undefined, places: readonly number[]): Usage {
  const usage: Usage = { members: { cuttingOver: 0, replicating: 0 }, tokens: new Map() };
  for (const [id, planned] of wave?.planned ?? []) count(usage, planned, placeOf(heldBy(members.get(id), places)), 1);
  return usage;
}

const heldBy = (member: MemberRecord | undefined, places: readonly number[]): number =>
  member ? (places[member.nth] ?? 0) : 0;

function count({ members, tokens }: Usage, { resources }: WaveMember, place: PlaceOf, by: 1 | -1): void {
  if (place === 'none') return;
  members[place] += by;
  const replicating = resources?.replicating ?? {};
  const cuttingOver = place === 'cuttingOver' ? (resources?.cuttingOver ?? {}) : {};
  for (const name of new Set([...Object.keys(replicating), ...Object.keys(cuttingOver)]))
    tokens.set(name, (tokens.get(name) ?? 0) + by * Math.max(replicating[name] ?? 0, cuttingOver[name] ?? 0));
}

function overLimit(
  { plan: { limits } }: WaveRecord,
  { members, tokens }: Usage,
  { resources }: WaveMember,
  isCutover: boolean,
): string | undefined {
  if (isCutover && members.cuttingOver > limits.cuttingOver)
    return `${members.cuttingOver} are cutting over, and the wave allows ${limits.cuttingOver}`;
  if (!isCutover && members.replicating > limits.replicating)
    return `${members.replicating} replicate, and the wave allows ${limits.replicating}`;
  // Only what it takes itself can have become too much by letting it in.
  for (const name of Object.keys({ ...resources?.replicating, ...resources?.cuttingOver })) {
    const used = tokens.get(name) ?? 0;
    const capacity = limits.tokens?.[name];
    if (capacity !== undefined && used > capacity)
      return `${used} tokens of ${name} are taken, and there are ${capacity}`;
  }
  return undefined;
}

function tooOften({ plan: { retry }, started }: WaveRecord, { migration }: WaveMember): string | undefined {
  const tries = started.get(migration) ?? 0;
  const triesMax = 1 + (retry?.times ?? 0);
  return tries > triesMax ? `it is cut over for the ${tries}. time, and the wave allows ${triesMax}` : undefined;
}

function notApart({ plan, started }: WaveRecord, { migration, apart = [] }: WaveMember): string | undefined {
  if (apart.length === 0) return undefined;
  const other = plan.members.find(
    (each) =>
      each.migration !== migration && started.has(each.migration) && each.apart?.some((group) => apart.includes(group)),
  );
  return other && `${migration} is cut over in the window of ${other.migration}, from which it is to be apart`;
}
