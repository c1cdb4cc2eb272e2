import type { Instant } from '#core/units';
import type { BlockDecision } from '#simulator/block/spec';

/** Notes what chance decided, for whoever tells what happened. */
export type NoteDecision = (label: string, value: string | number | boolean) => void;

/** What chance decided in one run, in order. */
export interface DecisionTrace {
  readonly note: NoteDecision;
  readonly decisions: readonly BlockDecision[];
}

/** A trace without decisions. `now`: the time of the world. */
export function decisionTrace(now: () => Instant): DecisionTrace {
  const decisions: BlockDecision[] = [];
  return { note: (label, value) => void decisions.push({ at: now(), label, value }), decisions };
}
