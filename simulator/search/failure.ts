import type { LawId } from '#core/laws/law';
import type { BlockOutcome } from '#simulator/block/spec';

/** What is wrong with an outcome, so that two outcomes can be told to be wrong in the same way. */
export type Failure =
  | { readonly type: 'broken'; readonly law: LawId; readonly slug: string }
  /** Somebody did not come to an end after the world had healed. */
  | { readonly type: 'notLive' }
  /** Our own code found itself to be wrong. `shape` is its message without the numbers and names that differ from run to run. */
  | { readonly type: 'crashed'; readonly shape: string };

/** Everything that is wrong with an outcome, the first first. `demandsProgress`: not to come to an end is a failure too. */
export function failuresOf(outcome: BlockOutcome, demandsProgress: boolean): readonly Failure[] {
  const laws = new Map(outcome.breaches.map(({ law, slug }) => [law, slug]));
  return [
    ...(outcome.crash === null ? [] : [{ type: 'crashed', shape: shapeOf(outcome.crash) } as const]),
    ...[...laws].map(([law, slug]) => ({ type: 'broken', law, slug }) as const),
    ...(demandsProgress && outcome.stuck.length > 0 ? [{ type: 'notLive' } as const] : []),
  ];
}

const shapeOf = (message: string): string =>
  message.replaceAll(/"[^"]*"|'[^']*'|[0-9a-f]{8}-[0-9a-f-]{27}|\b[a-z]+-\d+\b|\d+/g, '*').slice(0, 200);

/** A failure as one word, the same for the same failure: `L5`, `notLive`, `crashed ...`. */
export function failureKey(failure: Failure): string {
  switch (failure.type) {
    case 'broken':
      return failure.law;
    case 'notLive':
      return 'notLive';
    case 'crashed':
      return `crashed ${failure.shape}`;
  }
}

/** Whether an outcome is wrong in this way, whatever else is wrong with it. */
export const failsBy = (outcome: BlockOutcome, failure: Failure): boolean =>
  failuresOf(outcome, true).some((found) => failureKey(found) === failureKey(failure));
