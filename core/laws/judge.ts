import type { RecordedFact, StreamId } from '#core/event-log/event-log';
import { InvariantError } from '#core/invariant';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { instant, type Instant } from '#core/units';
import type { Entry, Judge, Law, LawId, LogEnd, Take, Witness } from './law.ts';
import { remembers, waveMemory } from './wave-memory.ts';

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
  /** What this fact breaks. Facts come in the order of the log. `met`: their stream, for whoever has it already. */
  take(entry: Entry, met?: StreamMet): readonly Breach[];
  /** A stream of the log, as facts of it come or are about to. */
  streamOf(stream: StreamId): StreamMet;
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
  const memory = waveMemory();
  const judges = laws.map((law) => ({ law, judge: law.begin(witness, memory) }));
  const states = new Map<StreamId, MigrationState | 'unfoldable'>();
  const broken = new Set<string>();
  let last = instant(0);
  const listening = listenersOf(judges);
  const streamOf = streamsMet();
  // The first breach of a law in a stream says what is wrong; those that follow from it would only hide it.
  const found = ({ id, slug }: Law, breach: Omit<Breach, 'law' | 'slug'>): readonly Breach[] => {
    const key = `${id} ${breach.stream}`;
    if (broken.has(key)) return [];
    broken.add(key);
    return [{ law: id, slug, ...breach }];
  };

  return {
    streamOf,
    take: (entry, met = streamOf(entry.stream)) => {
      last = entry.at;
      const { nth, kind } = met;
      if (!state && kind === 'migrations') states.set(entry.stream, folded(states.get(entry.stream), entry));
      let breaches = none;
      const { isRemembered, listeners } = listening(kind, entry.fact.type);
      if (isRemembered) memory.take(entry, nth);
      for (const { law, take } of listeners) {
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

/** Who is shown facts of one type. */
interface Audience {
  readonly listeners: readonly Listener[];
  /** The memory of waves takes them, before any law does. */
  readonly isRemembered: boolean;
}

/** A stream of the log: which it is, as they came, and whose. */
export interface StreamMet {
  readonly nth: number;
  readonly kind: 'migrations' | 'others';
}

/** Shows a fact only to those that look at its kind, worked out once for each type there is. */
function listenersOf(judges: readonly { readonly law: Law; readonly judge: Judge }[]) {
  const known = { migrations: new Map<string, Audience>(), others: new Map<string, Audience>() };
  return (kind: StreamMet['kind'], type: string): Audience => {
    const before = known[kind].get(type);
    if (before) return before;
    const listeners = judges
      .filter(({ law: { facts, streams } }) => (facts?.includes(type) ?? true) && (streams ?? kind) === kind)
      .map(({ law, judge }) => ({ law, take: judge.of(type) }));
    const found: Audience = { listeners, isRemembered: remembers(type) };
    known[kind].set(type, found);
    return found;
  };
}

/** Tells streams apart once for all laws. */
function streamsMet(): (stream: StreamId) => StreamMet {
  const known = new Map<StreamId, StreamMet>();
  return (stream) => {
    const before = known.get(stream);
    if (before) return before;
    const met = { nth: known.size, kind: stream.startsWith('migration-') ? 'migrations' : 'others' } as const;
    known.set(stream, met);
    return met;
  };
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
