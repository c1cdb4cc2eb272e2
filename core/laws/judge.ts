import type { RecordedFact, StreamId } from '#core/event-log/event-log';
import { InvariantError } from '#core/invariant';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { instant, type Instant } from '#core/units';
import type { Entry, Law, LawId, LogEnd, Take, Witness } from './law.ts';

/** A law that a log breaks, and where. */
export interface Breach {
  readonly law: LawId;
  readonly slug: string;
  readonly stream: StreamId;
  /** The fact that broke it; null where something is missing at the end. */
  readonly fact: { readonly revision: number; readonly type: string } | null;
  readonly at: Instant;
  readonly why: string;
}

/** A recorded fact as laws see it. */
export const entryOf = ({ stream, revision, type, data, metadata }: RecordedFact): Entry => ({
  stream,
  revision,
  fact: { type, data } as Entry['fact'],
  at: metadata.time,
  actor: metadata.actor,
  schemaVersion: metadata.schemaVersion,
});

/** All laws at work on one log. */
export interface Court {
  /** What this fact breaks. Facts come in the order of the log. */
  take(entry: Entry): readonly Breach[];
  /** What is broken by what did not happen. Nothing may be taken afterwards. */
  end(isOver: boolean): readonly Breach[];
}

/** What a court may be told. */
export interface CourtOptions {
  readonly witness?: Witness | undefined;
  /** Where a migration stands, for whoever has folded the facts already. Folded here if left out. */
  readonly state?: ((stream: StreamId) => MigrationState | undefined) | undefined;
}

/** Judges a log by laws. */
export function court(laws: readonly Law[], { witness, state }: CourtOptions = {}): Court {
  const judges = laws.map((law) => ({ law, judge: law.begin(witness) }));
  const states = new Map<StreamId, MigrationState | 'unfoldable'>();
  const broken = new Set<string>();
  let last = instant(0);
  // A fact is shown only to those that look at its kind, and streams are told apart once for all laws.
  const listeners = {
    migrations: new Map<string, readonly Listener[]>(),
    others: new Map<string, readonly Listener[]>(),
  };
  const listening = (kind: keyof typeof listeners, type: string): readonly Listener[] => {
    const known = listeners[kind].get(type);
    if (known) return known;
    const found = judges
      .filter(({ law: { facts, streams } }) => (facts?.includes(type) ?? true) && (streams ?? kind) === kind)
      .map(({ law, judge }) => ({ law, take: judge.of(type) }));
    listeners[kind].set(type, found);
    return found;
  };
  const numbers = new Map<StreamId, number>();
  const numberOf = (stream: StreamId): number => {
    const known = numbers.get(stream);
    if (known !== undefined) return known;
    numbers.set(stream, numbers.size);
    return numbers.size - 1;
  };
  // The first breach of a law in a stream says what is wrong; those that follow from it would only hide it.
  const found = ({ id, slug }: Law, breach: Omit<Breach, 'law' | 'slug'>): readonly Breach[] => {
    const key = `${id} ${breach.stream}`;
    if (broken.has(key)) return [];
    broken.add(key);
    return [{ law: id, slug, ...breach }];
  };

  return {
    take: (entry) => {
      last = entry.at;
      const isMigration = entry.stream.startsWith('migration-');
      if (!state && isMigration) states.set(entry.stream, folded(states.get(entry.stream), entry));
      const nth = numberOf(entry.stream);
      let breaches = none;
      for (const { law, take } of listening(isMigration ? 'migrations' : 'others', entry.fact.type)) {
        const why = take(entry, nth);
        if (why === undefined) continue;
        const fact = { revision: entry.revision, type: entry.fact.type };
        breaches = [...breaches, ...found(law, { stream: entry.stream, fact, at: entry.at, why })];
      }
      return breaches;
    },
    end: (isOver) => {
      const end: LogEnd = {
        at: last,
        isOver,
        state:
          state ??
          ((stream) => {
            const known = states.get(stream);
            return known === 'unfoldable' ? undefined : known;
          }),
      };
      return judges.flatMap(({ law, judge }) =>
        (judge.end?.(end) ?? []).flatMap(({ stream, why }) => found(law, { stream, fact: null, at: last, why })),
      );
    },
  };
}

const none: readonly Breach[] = [];

/** A law, and how it takes facts of one type. */
interface Listener {
  readonly law: Law;
  readonly take: Take;
}

function folded(before: MigrationState | 'unfoldable' | undefined, entry: Entry): MigrationState | 'unfoldable' {
  if (before === 'unfoldable') return before;
  try {
    return evolve(before ?? initialMigration(), entry.fact as MigrationFact, { stream: entry.stream, time: entry.at });
  } catch (error) {
    // That it cannot be folded is for L18 to say.
    if (error instanceof InvariantError) return 'unfoldable';
    throw error;
  }
}

/** Judges a whole log. `isOver`: nobody has anything left to do in it. */
export function judgeLog(
  laws: readonly Law[],
  entries: Iterable<Entry>,
  { isOver, witness }: { readonly isOver: boolean; readonly witness?: Witness | undefined },
): readonly Breach[] {
  const sitting = court(laws, { witness });
  const breaches = [...entries].flatMap((entry) => sitting.take(entry));
  return [...breaches, ...sitting.end(isOver)];
}
