import type { RecordedFact } from '#core/event-log/event-log';
import { axesOf } from '#core/migration/abilities';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact, RoundReport } from '#core/migration/facts';
import type { WaveFact } from '#core/wave/facts';
import type { WavePlan } from '#core/wave/plan';

/**
 * Laws as folds over the log of one rehearsal. Each answers with what breaks it, a sentence each; an empty list is a log
 * that keeps it.
 */
export type Law = (facts: readonly RecordedFact[]) => readonly string[];

const factOf = ({ type, data }: RecordedFact): MigrationFact => ({ type, data }) as MigrationFact;
const isMigration = ({ stream }: RecordedFact): boolean => stream.startsWith('migration-');

/** A law about single migrations: `fold` is made anew for each, and told its facts in order. */
const ofEach =
  (fold: () => (fact: MigrationFact, recorded: RecordedFact) => string | undefined): Law =>
  (facts) => {
    const folds = new Map<string, ReturnType<typeof fold>>();
    return facts.filter(isMigration).flatMap((recorded) => {
      const own = folds.get(recorded.stream) ?? fold();
      folds.set(recorded.stream, own);
      const broken = own(factOf(recorded), recorded);
      return broken === undefined ? [] : [`${recorded.stream}@${recorded.revision} ${recorded.type}: ${broken}`];
    });
  };

/** L2 and L23: nothing reaches a source before its approved cutover, and where the plan says so, somebody else approved. */
export const approvedFirst: Law = ofEach(() => {
  let approved = false;
  let plan: { readonly approval: string; readonly requester: string } | undefined;
  return (fact) => {
    if (fact.type === 'MigrationDrafted') ({ plan } = fact.data);
    if (fact.type === 'RolledBack' || fact.type === 'CutoverRevoked') approved = false;
    if (fact.type === 'CutoverApproved') {
      approved = true;
      if (plan?.approval === 'requiredByAnother' && plan.requester === fact.data.by) return 'approved by its requester';
    }
    const touches =
      fact.type === 'EffectRequested' && (fact.data.effect === 'quiesceSource' || fact.data.effect === 'fenceSource');
    return touches && !approved ? 'the source was touched without approval' : undefined;
  };
});

/** L4: source and target are never both running with connected networks, as far as the log knows. */
export const neverBoth: Law = ofEach(() => {
  let source = true;
  let target = false;
  return (fact) => {
    if (fact.type === 'SourceFenced') source = false;
    if (fact.type === 'TargetConnected') target = true;
    if (fact.type === 'RolledBack') [source, target] = [true, false];
    return source && target ? 'both run and are connected' : undefined;
  };
});

/** L10: when the wave is over, every member is finished or back in replication. */
export const wholeAtTheEnd: Law = (facts) =>
  facts.flatMap(({ type, data }) => {
    if (type !== 'WaveCompleted') return [];
    const { members } = data as Extract<WaveFact, { type: 'WaveCompleted' }>['data'];
    return members
      .filter(({ lifecycle }) => /^(cuttingOver(?!\.undecided)|rollingBack)/.test(lifecycle))
      .map(({ migration, lifecycle }) => `${migration} is ${lifecycle} when the wave is over`);
  });

/** L17: progress never falls within a round, and a round accounts for every byte it planned. */
export const progressHolds: Law = ofEach(() => {
  let round = -1;
  let done = 0;
  return (fact) => {
    if (fact.type === 'RoundProgressed') {
      const fell = fact.data.round === round && fact.data.done < done;
      ({ round, done } = fact.data);
      if (fell) return 'progress fell';
      return done > fact.data.total ? 'more was done than there is' : undefined;
    }
    // A round that begins anew as another kind, with tracking lost, has another total.
    if (fact.type === 'TrackingLost' || fact.type === 'RolledBack') round = -1;
    if (fact.type !== 'RoundCompleted' && fact.type !== 'FinalSyncCompleted') return undefined;
    return accountOf(fact.data);
  };
});

function accountOf({ kind, planned, sent, zeroed, resumed, dirty, disks }: RoundReport): string | undefined {
  const sum = sent + zeroed + resumed;
  if (kind === 'rescan' ? sum > planned : sum !== planned) return `${sum} of ${planned} bytes are accounted for`;
  if (disks.reduce((all, disk) => all + disk.sent, 0) !== sent) return 'the disks do not add up';
  return kind === 'final' && dirty !== 0 ? 'something is dirty after the final sync' : undefined;
}

/** L22: after an answer was lost, nothing is asked of that world before it is known what became of it. */
export const reconciledFirst: Law = ofEach(() => {
  let unknown: string | undefined;
  return (fact) => {
    if (fact.type === 'OutcomeUnknown') unknown = fact.data.key;
    if (fact.type === 'OutcomeReconciled' || fact.type === 'OutcomeDecided') unknown = undefined;
    return fact.type === 'EffectRequested' && unknown !== undefined ? `asked while ${unknown} is unknown` : undefined;
  };
});

/** L18: folding any prefix gives the state that was there at that time, with the same work outstanding. */
export const prefixesReplay: Law = (facts) =>
  [...new Set(facts.filter(isMigration).map(({ stream }) => stream))].flatMap((stream) => {
    const own = facts.filter((fact) => fact.stream === stream);
    const lived: MigrationState[] = [];
    for (const fact of own) lived.push(evolved(lived.at(-1) ?? initialMigration(), fact));
    // One prefix of each stream, of another length each: folding every one is quadratic and finds no more.
    const length = 1 + ((stream.charCodeAt(stream.length - 1) * 31) % own.length);
    const replayed = own.slice(0, length).reduce(evolved, initialMigration());
    return pictureOf(replayed) === pictureOf(lived[length - 1])
      ? []
      : [`${stream}: the first ${length} facts fold to another state than they did`];
  });

const pictureOf = (state: MigrationState | undefined): string =>
  JSON.stringify(state && [state.snapshot.value, state.snapshot.context, state.count, state.work]);

/** L21: at every moment, no more members replicate or cut over than the wave allows. */
export const limitsHold: Law = (facts) => {
  const states = new Map<string, MigrationState>();
  const replicating = new Set<string>();
  const cuttingOver = new Set<string>();
  let plan: WavePlan | undefined;
  return facts.flatMap((fact) => {
    if (fact.type === 'WaveDrafted') ({ plan } = fact.data as { plan: WavePlan });
    if (!isMigration(fact)) return [];
    const { stream } = fact;
    const state = evolved(states.get(stream) ?? initialMigration(), fact);
    states.set(stream, state);
    const { lifecycle, replication } = axesOf(state);
    mark(
      replicating,
      stream,
      /^(initiating|fullSync|deltaSync|rescan|disconnected|stalled\.retrying)$/.test(replication),
    );
    mark(cuttingOver, stream, /^cuttingOver(?!\.undecided)|^rollingBack/.test(lifecycle));
    if (!plan) return [];
    const { limits } = plan;
    // Judged where members are admitted: one whose refresh was over budget goes on as it must, and nobody admitted it.
    return [
      ...(fact.type === 'ProtectionStarted' && replicating.size > limits.replicating
        ? [`${stream}@${fact.revision}: ${replicating.size} replicate, at most ${limits.replicating}`]
        : []),
      ...(fact.type === 'CutoverStarted' && cuttingOver.size > limits.cuttingOver
        ? [`${stream}@${fact.revision}: ${cuttingOver.size} cut over, at most ${limits.cuttingOver}`]
        : []),
    ];
  });
};

const evolved = (state: MigrationState, recorded: RecordedFact): MigrationState =>
  evolve(state, factOf(recorded), { stream: recorded.stream, time: recorded.metadata.time });

function mark(set: Set<string>, member: string, isIn: boolean): void {
  if (isIn) set.add(member);
  else set.delete(member);
}

/** Every law that one log can be judged by, with its number. */
export const laws: Readonly<Record<string, Law>> = {
  'L2 and L23, approved first': approvedFirst,
  'L4, never both': neverBoth,
  'L10, whole at the end': wholeAtTheEnd,
  'L17, progress holds': progressHolds,
  'L18, prefixes replay': prefixesReplay,
  'L21, limits hold': limitsHold,
  'L22, reconciled first': reconciledFirst,
};

/** What breaks any of the laws. */
export const lawsBroken = (facts: readonly RecordedFact[]): readonly string[] =>
  Object.entries(laws).flatMap(([name, law]) => law(facts).map((broken) => `${name}: ${broken}`));
