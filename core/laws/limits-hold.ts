import type { MigrationId } from '#core/ids';
import { fitsDowntime } from '#core/migration/chart';
import type { MigrationFact, MigrationFactType } from '#core/migration/facts';
import type { WaveMember } from '#core/wave/plan';
import type { Entry, Law } from './law.ts';
import { rememberedFacts, waveMemory, type WaveMemory, type WaveRecord } from './wave-members.ts';

const endsCutover: ReadonlySet<MigrationFactType> = new Set([
  'TargetValidated',
  'ValidationWaived',
  'ValidationFailed',
  'CutoverRevoked',
  'CancellationRequested',
  'RolledBack',
  'RollbackFailed',
]);
const endsReplication: ReadonlySet<MigrationFactType> = new Set([
  'ReplicationPaused',
  'CancellationRequested',
  'FinalizationRequested',
  'SourceQuiesced',
]);

interface Places {
  readonly replicating: Set<MigrationId>;
  readonly cuttingOver: Set<MigrationId>;
}

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
  facts: [...new Set([...rememberedFacts, ...endsCutover, ...endsReplication, 'ProtectionStarted', 'RoundCompleted'])],
  begin: () => {
    const memory = waveMemory();
    const places: Places = { replicating: new Set(), cuttingOver: new Set() };
    const usages = new Map<string, Usage>();
    return {
      of: () => (entry, nth) => {
        const id = memory.take(entry, nth);
        const { stream, fact, actor } = entry;
        if (fact.type === 'WaveStarted') usages.set(stream, usageOf(memory.waves.get(stream), places));
        if (id === undefined) return undefined;
        const before = placeOf(places, id);
        const isAdmitted = move(memory, places, id, entry);
        const after = placeOf(places, id);
        if (before === after && !isAdmitted) return undefined;
        let broken: string | undefined;
        for (const [name, wave] of memory.waves) {
          const usage = usages.get(name);
          const member = wave.planned.get(id);
          if (!usage || !member || wave.isCompleted) continue;
          if (before !== after) {
            count(usage, member, before, -1);
            count(usage, member, after, 1);
          }
          if (!isAdmitted || actor !== 'planner') continue;
          broken ??= overLimit(wave, usage, member, fact.type === 'CutoverStarted');
          if (fact.type === 'CutoverStarted') broken ??= tooOften(wave, member) ?? notApart(wave, member);
        }
        return broken;
      },
    };
  },
};

type PlaceOf = 'cuttingOver' | 'replicating' | 'none';

/** What members of one wave take. One that cuts over holds that place alone. */
interface Usage {
  readonly members: Record<Exclude<PlaceOf, 'none'>, number>;
  readonly tokens: Map<string, number>;
}

const placeOf = ({ replicating, cuttingOver }: Places, id: MigrationId): PlaceOf => {
  if (cuttingOver.has(id)) return 'cuttingOver';
  return replicating.has(id) ? 'replicating' : 'none';
};

/** What is taken when a wave starts: its members may be on their way from an earlier one. */
function usageOf(wave: WaveRecord | undefined, places: Places): Usage {
  const usage: Usage = { members: { cuttingOver: 0, replicating: 0 }, tokens: new Map() };
  for (const [id, member] of wave?.planned ?? []) count(usage, member, placeOf(places, id), 1);
  return usage;
}

function count({ members, tokens }: Usage, { resources }: WaveMember, place: PlaceOf, by: 1 | -1): void {
  if (place === 'none') return;
  members[place] += by;
  const replicating = resources?.replicating ?? {};
  const cuttingOver = place === 'cuttingOver' ? (resources?.cuttingOver ?? {}) : {};
  for (const name of new Set([...Object.keys(replicating), ...Object.keys(cuttingOver)]))
    tokens.set(name, (tokens.get(name) ?? 0) + by * Math.max(replicating[name] ?? 0, cuttingOver[name] ?? 0));
}

/** Follows one member from place to place. True if this fact gave it a place. */
function move({ members }: WaveMemory, { replicating, cuttingOver }: Places, id: MigrationId, entry: Entry): boolean {
  const fact = entry.fact as MigrationFact;
  if (endsCutover.has(fact.type)) cuttingOver.delete(id);
  if (endsReplication.has(fact.type)) replicating.delete(id);
  const plan = members.get(id)?.plan;
  switch (fact.type) {
    case 'ProtectionStarted':
      replicating.add(id);
      return true;
    case 'CutoverStarted':
      cuttingOver.add(id);
      return true;
    case 'RoundCompleted':
      if (plan && fitsDowntime(plan, fact.data)) replicating.delete(id);
      return false;
    case 'ReplicationStalled':
      if (!fact.data.retryable) replicating.delete(id);
      return false;
    default:
      return false;
  }
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
