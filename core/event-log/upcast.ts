/**
 * Facts are written once and read for years. When the shape of `data` changes, `schemaVersion` goes up by one and a step
 * is added here that turns a fact of the version before into one of the new version, while it is read. The log itself is
 * never rewritten, and its hash chain is over what was written.
 *
 * A step may rename, add with a default or drop; it must not ask the time, chance or the log. It is kept for ever, with a
 * recorded history of its version in test/fixtures/histories.
 */
import { invariant } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import type { Fact, LogFault, RecordedFact } from './event-log.ts';

/** The version of the shapes this build writes, and the newest it reads. */
export const schemaVersion = 2;

/** Turns a fact of one schema version into one of the next. Gives back the very same fact when it is not concerned. */
export type UpcastStep = (fact: Fact) => Fact;

/** Brings a stored fact to the newest shapes, or refuses one from the future. */
export type Upcast = (fact: RecordedFact, where: string) => Result<RecordedFact, LogFault>;

// The step at index n leads from version n + 1 to version n + 2.
const steps: readonly UpcastStep[] = [
  // Version 2 has facts that version 1 had not: `GuestInspected`, `StepReported`, `FixUpPlanned`, `ConsoleCaptured`. Nothing else differs.
  (fact) => fact,
];

/** Upcasts by the given steps, oldest first: the newest version is one more than there are steps. */
export function upcastBy(all: readonly UpcastStep[]): Upcast {
  const newest = all.length + 1;
  return (fact, where) => {
    const version = fact.metadata.schemaVersion;
    if (version === newest) return ok(fact);
    if (version > newest) return err({ type: 'LogTooNew', where, schemaVersion: version, supported: newest });
    if (!Number.isInteger(version) || version < 1)
      return err({
        type: 'LogCorrupt',
        where,
        detail: `fact ${fact.revision} of ${fact.stream} has schema version ${JSON.stringify(version)}, they start at 1`,
      });
    const { type, data } = all.slice(version - 1).reduce((older: Fact, step) => step(older), fact);
    return ok({ ...fact, type, data, metadata: { ...fact.metadata, schemaVersion: newest } });
  };
}

/** Brings a stored fact to the shapes of this build, or refuses one that a newer build wrote. */
export const upcast: Upcast = upcastBy(steps);

invariant(schemaVersion === steps.length + 1, 'each schema version after the first needs the step that leads to it');
