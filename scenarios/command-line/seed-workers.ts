import type { EstateText } from '#scenarios/load';
import type { CalibrationText } from '#scenarios/calibration-use';
import type { RehearsalSummary } from '#scenarios/rehearsal-summary';
import { onSeedThreads, seedsFrom, type SeedsEnding, type SeedThreads } from './seed-threads.ts';

/** What a thread is given when it starts. */
export interface SeedWork {
  /** The scenario as its file says it, and the name of that file. */
  readonly text: string;
  readonly file: string;
  /** The estate file it names, if it names one. */
  readonly estate: EstateText | undefined;
  /** The calibration that it uses, if it uses one. */
  readonly calibration: CalibrationText | undefined;
  /** Rehearse each seed twice and compare what happened. */
  readonly certify: boolean;
}

/** What a thread says of one seed. */
export type SeedAnswer =
  | { readonly type: 'rehearsed'; readonly summary: RehearsalSummary }
  /** The same seed led to two different logs: the simulator is wrong. */
  | { readonly type: 'differs'; readonly seed: number }
  | { readonly type: 'refused'; readonly detail: string };

/** What is wanted of many seeds. */
export type SeedWorkers = SeedWork &
  Omit<SeedThreads<SeedAnswer>, 'workerData' | 'seeds'> & { readonly first: number; readonly count: number };

/** Rehearses seeds from `first` on, one a thread at a time. Answers come in the order in which they are found. */
export const rehearseSeeds = ({
  text,
  file,
  estate,
  calibration,
  certify,
  first,
  count,
  ...threads
}: SeedWorkers): Promise<SeedsEnding> =>
  onSeedThreads<SeedAnswer>({
    ...threads,
    seeds: seedsFrom(first, count),
    workerData: { text, file, estate, calibration, certify } satisfies SeedWork,
  });
