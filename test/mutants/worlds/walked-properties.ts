import fc from 'fast-check';
import { anyCutoverWalk, soundCutovers } from '#test/support/cutover-walks';
import { anyJournalWalk, soundJournal } from '#test/support/journal-walks';
import { anyKvmWalk, soundKvm } from '#test/support/kvm-walks';
import { anyLogWalk, soundLog } from '#test/support/log-walks';
import { anyPipelineWalk, soundPipeline } from '#test/support/pipeline-walks';
import { anyRestWalk, soundRest } from '#test/support/rest-walks';
import { anyRoundWalk, soundRounds } from '#test/support/round-walks';
import { anyTrackingWalk, soundTracking } from '#test/support/tracking-walks';

/** How to walk. */
export interface WalkTerms {
  readonly seed: number;
  readonly numRuns: number;
  readonly endOnFailure: boolean;
}

const walks =
  <T>(any: fc.Arbitrary<T>, sound: (walk: T) => Promise<void>) =>
  async (
    terms: WalkTerms,
  ): Promise<{ readonly failed: boolean; readonly numRuns: number; readonly errorInstance: unknown }> =>
    fc.check(fc.asyncProperty(any, sound), terms);

/** Walks of one thing each, as properties to be checked. */
export const walkedProperties = {
  cutovers: walks(anyCutoverWalk, soundCutovers),
  rests: walks(anyRestWalk, soundRest),
  rounds: walks(anyRoundWalk, soundRounds),
  tracking: walks(anyTrackingWalk, soundTracking),
  kvm: walks(anyKvmWalk, soundKvm),
  logs: walks(anyLogWalk, soundLog),
  journals: walks(anyJournalWalk, async (walk) => soundJournal(walk)),
  pipelines: walks(anyPipelineWalk, async (walk) => soundPipeline(walk)),
} as const;

/** The name of a kind of walk. */
export type WalkedProperty = keyof typeof walkedProperties;
