import { z } from 'zod';
import type { MigrationFactType } from '#core/migration/facts';
import { factGroups } from '#core/migration/timeline';
import type { Rng } from '#core/rng';
import { after, type Instant } from '#core/units';
import type { Flapping, Period, Timing } from '#simulator/faults/spell';
import { durationText, positiveDurationText, shareText } from './quantity.ts';

const factTypes = Object.keys(factGroups) as [MigrationFactType, ...MigrationFactType[]];
const count = () => {
  const error = () => 'must be a whole number from 1 on';
  return z.int({ error }).min(1, { error });
};

/** When a fault is there: `at` a time, at random once in `every`, or `on` a fact. */
export const timing = {
  at: durationText.optional().meta({ description: 'How long after the start.' }),
  every: positiveDurationText
    .optional()
    .meta({ description: 'Instead of "at": at random, on average once in so long.' }),
  calm: durationText
    .prefault('0 s')
    .meta({ description: 'With "every": for so long after it, it does not come again.' }),
  on: z
    .strictObject({
      fact: z.enum(factTypes, { error: () => 'must be the name of a fact of a migration, such as CutoverStarted' }),
      vm: z
        .string({ error: () => 'must be the name of a VM, or any' })
        .default('any')
        .meta({ description: 'Whose fact; any if not given.' }),
      after: durationText.prefault('0 s').meta({ description: 'How long after the fact.' }),
    })
    .optional()
    .meta({ description: 'Instead of "at": at something that happens to a VM.' }),
  atMost: count().default(1_000).meta({ description: 'With "every" and "on": how often at most.' }),
  lasts: positiveDurationText.prefault('2 min').meta({ description: 'How long each time.' }),
  flaps: z
    .strictObject({
      period: positiveDurationText.meta({ description: 'It comes and goes once in so long.' }),
      wrong: shareText.prefault('50 %').meta({ description: 'The part of each period in which it is there.' }),
    })
    .optional()
    .meta({ description: 'It comes and goes while it lasts.' }),
};

/** `all`, or some VMs by name. */
export const vmsText = z
  .union(
    [
      z.literal('all'),
      z
        .array(
          z.string({ error: () => 'must be the name of a VM' }).min(1, { error: () => 'must be the name of a VM' }),
        )
        .min(1, { error: () => 'must name at least one VM, or be "all"' }),
    ],
    { error: () => 'must be "all" or a list of VM names' },
  )
  .default('all');

/** What a file says about when a fault is there. */
export interface TimingText {
  readonly at?: z.output<typeof timing.at>;
  readonly every?: z.output<typeof timing.every>;
  readonly calm: z.output<typeof timing.calm>;
  readonly on?: z.output<typeof timing.on>;
  readonly atMost: number;
  readonly lasts: z.output<typeof timing.lasts>;
  readonly flaps?: Flapping | undefined;
}

const given = ({ at, every, on }: TimingText): readonly string[] =>
  Object.entries({ at, every, on }).flatMap(([name, value]) => (value === undefined ? [] : [name]));

/** What is wrong with a timing: not exactly one of its forms, or none where it may be left out. */
export function timingProblem(text: TimingText, needs: 'one' | 'atMostOne'): string | undefined {
  const forms = given(text);
  if (forms.length > 1)
    return `must say when in one way only, and has ${forms.map((form) => `"${form}"`).join(' and ')}`;
  return forms.length === 0 && needs === 'one' ? 'must say when: "at", "every" or "on"' : undefined;
}

/** The period of a fault; undefined where the file says nothing about when. */
export function periodOf(text: TimingText, rng: Rng, start: Instant): Period | undefined {
  const when = timingOf(text, rng, start);
  return when && { when, lasts: text.lasts, flaps: text.flaps };
}

function timingOf({ at, every, calm, on, atMost: times }: TimingText, rng: Rng, start: Instant): Timing | undefined {
  if (at !== undefined) return { type: 'at', at: after(start, at) };
  if (every !== undefined) return { type: 'random', from: start, every, calm, times, rng: rng.fork('when') };
  return on && { ...on, type: 'on', times };
}
