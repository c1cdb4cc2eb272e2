import { categoryOf, type RecordedFact } from '#core/event-log/event-log';
import type { MigrationFact } from '#core/migration/facts';
import { describeFact, factGroups } from '#core/migration/timeline';
import type { SentinelFact } from '#core/sentinel/facts';
import { describeSentinelFact, sentinelFactGroups } from '#core/sentinel/timeline';
import type { Instant } from '#core/units';
import type { WaveFact } from '#core/wave/facts';
import { describeWaveFact, waveFactGroups } from '#core/wave/timeline';
import type { FactGroup, FactText } from './fact-text.ts';
import { formatOffset } from './format.ts';
import { plainLine } from './plain-text.ts';

/** The parts of a recorded fact that its line is made of. */
export type FactToTell = Pick<RecordedFact, 'stream' | 'type' | 'data'> & {
  readonly metadata: { readonly time: Instant; readonly actor: string };
};

/**
 * What a recorded fact of any stream means. A fact this build has no words for (of a category that came later) is told
 * by its type: a timeline with a gap would be a lie.
 */
export function describeRecorded({ stream, type, data }: Pick<RecordedFact, 'stream' | 'type' | 'data'>): FactText {
  const category = categoryOf(stream);
  if (category === 'migration' && Object.hasOwn(factGroups, type))
    return describeFact({ type, data } as unknown as MigrationFact);
  if (category === 'wave' && Object.hasOwn(waveFactGroups, type))
    return describeWaveFact({ type, data } as unknown as WaveFact);
  if (category === 'sentinel' && Object.hasOwn(sentinelFactGroups, type))
    return describeSentinelFact({ type, data } as unknown as SentinelFact);
  return { title: type, detail: '', severity: 'note' };
}

const groupsOf: Readonly<Record<string, Readonly<Record<string, FactGroup>>>> = {
  wave: waveFactGroups,
  sentinel: sentinelFactGroups,
};

/** Whose fact it is, for filters. */
export function groupOf({ stream, type }: Pick<RecordedFact, 'stream' | 'type'>): FactGroup {
  const groups: Readonly<Record<string, FactGroup>> = groupsOf[categoryOf(stream)] ?? factGroups;
  return Object.hasOwn(groups, type) ? (groups[type] ?? 'driver') : 'driver';
}

/** One line of a timeline. */
export interface TimelineLine extends FactText {
  /** Since the first fact of the run: `+00:12:03`. */
  readonly offset: string;
  /** The migration, wave or sentinel, without its category. */
  readonly subject: string;
  readonly actor: string;
  readonly group: FactGroup;
}

/** One recorded fact as a line of the timeline that began at `start`. */
export function timelineLine(fact: FactToTell, start: Instant): TimelineLine {
  const { title, detail, severity } = describeRecorded(fact);
  return {
    offset: formatOffset(start, fact.metadata.time),
    subject: fact.stream.slice(fact.stream.indexOf('-') + 1),
    actor: fact.metadata.actor,
    group: groupOf(fact),
    // Guests and tools have their words in it, and this is written to terminals.
    title: plainLine(title),
    detail: plainLine(detail),
    severity,
  };
}
