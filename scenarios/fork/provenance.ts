import { schemaVersion } from '#core/event-log/upcast';
import type { EventLog, ProposedFact, StreamId } from '#core/event-log/event-log';
import { err, ok, type Result } from '#core/result';
import type { CalibrationText } from '#scenarios/calibration-use';
import { factIds } from '#scenarios/fact-ids';
import type { EstateText } from '#scenarios/load';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';
import { seededRng } from '#simulator/kernel/seeded-rng';

/*
 * What a rehearsal's log was made from, in a stream of its own beside migrations and waves: whoever has the file can have
 * the same happen again, and something else from any moment on. The other streams do not tell which world they come from.
 */

/** All that a rehearsal depends on. */
export interface Provenance {
  /** The scenario file's text, and its name for messages. */
  readonly scenario: string;
  readonly file: string;
  /** The estate file that it names, and the calibration that it uses, if it does. */
  readonly estate?: EstateText | undefined;
  readonly calibration?: CalibrationText | undefined;
  readonly seed: number;
  /** Set where the log is that of a fork: from which position on what was different. */
  readonly fork?: { readonly at: number; readonly set: readonly string[] };
}

const category = 'rehearsal';
const type = 'RehearsalStarted';

/** The fact that says what a log was made from: the first of the log. */
export function provenanceFact(
  provenance: Provenance,
  { id, starts, wave }: Pick<RehearsalScenario, 'id' | 'starts' | 'wave'>,
): { readonly stream: StreamId; readonly fact: ProposedFact } {
  return {
    stream: `${category}-${id}`,
    fact: {
      id: factIds(seededRng(provenance.seed).fork('provenance'))(),
      type,
      // Without what is not there: a fact is JSON.
      data: JSON.parse(JSON.stringify(provenance)) as Provenance,
      metadata: {
        time: starts,
        actor: `operator:${wave.requester}`,
        correlationId: id,
        schemaVersion,
        model: { id: category, version: '1' },
      },
    },
  };
}

/** Whether a stream says where a log comes from, and not what happened. */
export const isProvenance = (stream: StreamId): boolean => stream.startsWith(`${category}-`);

/** Why a log does not say what it was made from. */
export interface NoProvenance {
  readonly type: 'NoProvenance';
}

/** What a log was made from, if it says so. Throws `LogReadError`. */
export async function provenanceOf(log: Pick<EventLog, 'readAll'>): Promise<Result<Provenance, NoProvenance>> {
  for await (const fact of log.readAll({ category, limit: 1 })) {
    const data = fact.data as Partial<Provenance>;
    if (fact.type !== type || typeof data.scenario !== 'string' || !Number.isSafeInteger(data.seed)) break;
    return ok({ file: 'scenario.yaml', ...data } as Provenance);
  }
  return err({ type: 'NoProvenance' });
}
