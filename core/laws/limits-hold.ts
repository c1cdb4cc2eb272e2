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
  statement: 'Limits hold at every instant: no host, link, gateway, receiver or datastore over its tokens.',
  incident: 'an appliance was given more disks than it could copy, and all of them failed together',
  facts: [...new Set([...rememberedFacts, ...endsCutover, ...endsReplication, 'ProtectionStarted', 'RoundCompleted'])],
  begin: () => {
    const memory = waveMemory();
    const places: Places = { replicating: new Set(), cuttingOver: new Set() };
    return {
      take: (entry) => {
        memory.take(entry);
        if (!entry.stream.startsWith('migration-')) return undefined;
        const id = entry.stream.slice('migration-'.length) as MigrationId;
        const isAdmitted = move(memory, places, id, entry);
        if (!isAdmitted || entry.actor !== 'planner') return undefined;
        const wave = [...memory.waves.values()].find(
          ({ plan, isStarted, isCompleted }) =>
            isStarted && !isCompleted && plan.members.some(({ migration }) => migration === id),
        );
        return wave && overLimit(wave, places, entry.fact.type === 'CutoverStarted');
      },
    };
  },
};

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

function overLimit({ plan }: WaveRecord, places: Places, isCutover: boolean): string | undefined {
  const within = (set: ReadonlySet<MigrationId>): readonly WaveMember[] =>
    plan.members.filter(({ migration }) => set.has(migration));
  const cutting = within(places.cuttingOver);
  const copying = within(places.replicating).filter(({ migration }) => !places.cuttingOver.has(migration));
  if (isCutover && cutting.length > plan.limits.cuttingOver)
    return `${cutting.length} are cutting over, and the wave allows ${plan.limits.cuttingOver}`;
  if (!isCutover && copying.length > plan.limits.replicating)
    return `${copying.length} replicate, and the wave allows ${plan.limits.replicating}`;
  for (const [name, capacity] of Object.entries(plan.limits.tokens ?? {})) {
    const used =
      sumOf(cutting, ({ resources }) =>
        Math.max(resources?.cuttingOver?.[name] ?? 0, resources?.replicating?.[name] ?? 0),
      ) + sumOf(copying, ({ resources }) => resources?.replicating?.[name] ?? 0);
    if (used > capacity) return `${used} tokens of ${name} are taken, and there are ${capacity}`;
  }
  return undefined;
}

const sumOf = (members: readonly WaveMember[], of: (member: WaveMember) => number): number =>
  members.reduce((sum, member) => sum + of(member), 0);
