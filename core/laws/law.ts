import type { StreamId } from '#core/event-log/event-log';
import type { DiskId } from '#core/ids';
import type { MigrationState } from '#core/migration/evolve';
import type { MigrationFact, MigrationFactOf, MigrationFactType } from '#core/migration/facts';
import type { Instant } from '#core/units';
import type { WaveFact } from '#core/wave/facts';
import type { WaveMemory } from './wave-memory.ts';

/*
 * A law is a property that every log must satisfy, whoever wrote it: a rehearsal, a search, a real run. It is a fold over
 * facts and knows nothing else, so that the same code judges all of them; and it does not ask the chart that wrote the
 * facts, or a mistake of the chart would be its own excuse.
 */

/** A fact as a law sees it. */
export interface Entry<F = MigrationFact | WaveFact> {
  readonly stream: StreamId;
  /** Counted from 0 within the stream. */
  readonly revision: number;
  readonly fact: F;
  readonly at: Instant;
  readonly actor: string;
  readonly schemaVersion: number;
}

/** How a log ended. */
export interface LogEnd {
  readonly at: Instant;
  /** Whether nobody has anything left to do. Of a log that goes on, only what has happened can be judged. */
  readonly isOver: boolean;
  /** Where a migration stands, folded; undefined if it has no facts or they cannot be folded. */
  state(stream: StreamId): MigrationState | undefined;
}

/**
 * What a judge of a simulated world knows beside the log. In a log of a real run nobody does, and a law that needs it
 * judges what the facts alone show.
 */
export interface Witness {
  /** Digest roots of the source's disks at the last quiesce point, by disk. */
  sourceRoots(stream: StreamId): ReadonlyMap<DiskId, string> | undefined;
  /** Digest roots of what the replicas hold now, by disk, read by the judge itself; empty where there is none. */
  replicaRoots(stream: StreamId): ReadonlyMap<DiskId, string> | undefined;
  /** The disks that the source has now. */
  disksNow(stream: StreamId): readonly DiskId[] | undefined;
  /**
   * When what tracked the changes of the source was last lost, whether anybody noticed or not. What was lost before anything
   * was read under it is not meant once it was begun anew: every copy there is was made after.
   */
  trackingLostAt(stream: StreamId): Instant | undefined;
  /** What is left of ours at the source: marks, snapshots, exports. */
  leftovers(stream: StreamId): readonly string[];
  /** Snapshots and the like that were not ours and are not as they were. */
  foreignTouched(stream: StreamId): readonly string[];
}

/** The names of the laws, as the documents have them. */
export type LawId = `L${number}`;

/** A property that every log must satisfy. */
export interface Law {
  readonly id: LawId;
  /** Its name as a file and in what is saved of a search. */
  readonly slug: string;
  /** What must hold, in one sentence. */
  readonly statement: string;
  /** What happened to users of systems without it. */
  readonly incident: string;
  /** The types of facts it looks at; all of them if left out. */
  readonly facts?: readonly string[];
  /** It looks at streams of migrations only; at all of them if left out. */
  readonly streams?: 'migrations';
  /** A judge for one log. `waves`: what the court remembers of it, the fact that is judged included. */
  begin(witness: Witness | undefined, waves: WaveMemory): Judge;
}

/** A law at work on one log, whose facts it is shown in their order. The same facts give the same verdicts. */
export interface Judge {
  /** How it takes facts of one type. */
  of(type: string): Take;
  /** What is broken by what did not happen. Called once, after the last fact. */
  end?(end: LogEnd): readonly Unmet[];
}

/** What breaks the law, in a sentence, if this fact does. `nth`: which of the log's streams it is in, as they came. */
export type Take = (entry: Entry, nth: number) => string | undefined;

/** Something that should have happened in a stream and did not. */
export interface Unmet {
  readonly stream: StreamId;
  readonly why: string;
}

/** What a fact does to what a law remembers of one stream. A sentence: the law is broken. */
export interface Turn<S> {
  readonly state: S;
  readonly broken?: string;
}

/** Where a fact stands, and what the judge of a simulated world knows. */
export interface Place extends Entry {
  readonly witness?: Witness;
}

/** What a law over single migrations consists of. */
export interface MigrationLaw<S> extends Omit<Law, 'begin' | 'facts' | 'streams'> {
  /** What is remembered of a migration before its first fact. */
  readonly start: S;
  /** The facts that matter to it. A new state, or a turn that breaks the law. */
  readonly on: {
    readonly [T in MigrationFactType]?: (state: S, fact: MigrationFactOf<T>, place: Place) => S | Turn<S>;
  };
  /** Called of each migration once the log is over; a sentence if something is missing. */
  readonly whenOver?: (
    state: S,
    end: LogEnd,
    place: { readonly stream: StreamId; readonly witness?: Witness },
  ) => string | undefined;
}

/** Marks a turn that breaks a law. What comes next is judged by `state`. */
export const breaks = <S>(state: S, broken: string): Turn<S> => new Broken(state, broken);

class Broken<S> implements Turn<S> {
  readonly state: S;
  readonly broken: string;
  constructor(state: S, broken: string) {
    this.state = state;
    this.broken = broken;
  }
}

/** A law that is judged for each migration by itself. */
export function migrationLaw<S>({ start, on, whenOver, ...law }: MigrationLaw<S>): Law {
  return {
    ...law,
    facts: Object.keys(on),
    streams: 'migrations',
    begin: (witness) => {
      // By the number of the stream, since this is asked by every law for every fact; and those that are asked about when all
      // is over, as they came.
      const states: (S | undefined)[] = [];
      const known: { readonly nth: number; readonly stream: StreamId }[] = [];
      return {
        of: (type) => {
          const rule = (on as Readonly<Record<string, Rule<S> | undefined>>)[type];
          if (!rule) return () => undefined;
          return (entry, nth) => {
            while (states.length <= nth) states.push(undefined);
            const had = states[nth];
            const before = had === undefined ? start : had;
            const turn = rule(before, entry.fact as MigrationFact, witness ? { witness, ...entry } : entry);
            if (turn === before) return undefined;
            if (had === undefined && whenOver) known.push({ nth, stream: entry.stream });
            const isBroken = turn instanceof Broken;
            states[nth] = isBroken ? (turn.state as S) : (turn as S);
            return isBroken ? turn.broken : undefined;
          };
        },
        end: (end) =>
          end.isOver && whenOver
            ? known.flatMap(({ nth, stream }) => {
                const why = whenOver(states[nth] ?? start, end, { stream, ...(witness && { witness }) });
                return why === undefined ? [] : [{ stream, why }];
              })
            : [],
      };
    },
  };
}

type Rule<S> = (state: S, fact: MigrationFact, place: Place) => S | Turn<S>;
