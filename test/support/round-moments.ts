import fc from 'fast-check';
import { happenings, type HappeningName } from './round-happenings.ts';

/*
 * What happens to walked rounds, and when. Anything may happen at any moment; what does harm only where it comes together
 * with something else is drawn together now and then, or few walks would meet with it.
 */

/** Something that happens: after so many facts of a kind, and so many steps after the last of them. */
export interface Happening {
  readonly name: HappeningName;
  readonly after: Anchor;
  readonly facts: number;
  readonly steps: number;
  /** How long it lasts, of what lasts. */
  readonly seconds: number;
}

const anchors = [
  ...(['any', 'any', 'RoundProgressed', 'RoundCompleted', 'SourceQuiesced', 'FinalSyncCompleted'] as const),
  ...(['TrackingLost', 'RescanRequested'] as const),
] as const;
/** The facts after which something happens; any of them but those of progress, which come every second. */
type Anchor = (typeof anchors)[number];

const names = Object.keys(happenings) as HappeningName[];
const steps = fc.oneof(fc.nat(8), fc.nat(120));
const lasting = fc.integer({ min: 0, max: 40 });

const anyHappening: fc.Arbitrary<Happening> = fc
  .record({
    name: fc.constantFrom(...names),
    after: fc.constantFrom(...anchors),
    facts: fc.integer({ min: 0, max: 16 }),
    steps,
    seconds: lasting,
  })
  .map((one) => (one.after === 'any' ? one : { ...one, facts: 1 + (one.facts % 3) }));

/** One of these, so soon after the first fact of a kind. */
const soonAfter = (after: Anchor, ...which: readonly HappeningName[]): fc.Arbitrary<Happening> =>
  fc.record({
    name: fc.constantFrom(...which),
    after: fc.constant(after),
    facts: fc.constant(1),
    steps,
    seconds: lasting,
  });

/** All is to be compared; meanwhile the source goes, or its marks, or somebody on the way, one soon after the other. */
const anyBrokenRescan: fc.Arbitrary<readonly Happening[]> = fc
  .tuple(
    soonAfter('RoundCompleted', 'an operator wants all compared'),
    soonAfter('RescanRequested', 'the hypervisor dies', 'the host of the source loses its power', 'marks are gone'),
    fc.array(
      soonAfter(
        'RescanRequested',
        'the manager dies',
        'the receiver is killed',
        'the manager is cut off from its gateway',
      ),
      { maxLength: 1 },
    ),
    fc.array(anyHappening, { maxLength: 2, size: 'max' }),
  )
  .map(([asked, lost, broken, others]) => [asked, lost, ...broken, ...others]);

/** Whatever happens in one walk. */
export const anyHappenings: fc.Arbitrary<readonly Happening[]> = fc.oneof(
  { weight: 5, arbitrary: fc.array(anyHappening, { maxLength: 6, size: 'max' }) },
  { weight: 1, arbitrary: anyBrokenRescan },
);
