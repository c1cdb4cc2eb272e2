import { z } from 'zod';
import { waveId } from '#core/ids';
import { sourcePlatforms } from '#core/migration/plan';
import { millis, type Instant, type Millis } from '#core/units';
import { nameText } from './migration-scenario.ts';
import { positiveDurationText, windowEdgeText, zoneText, type WindowEdge } from './quantity.ts';
import { momentsShowing, zoneProblem } from './time-zone.ts';

/*
 * Waves as a scenario says them: which VMs, when, within which limits, and what a plan may ask beside them.
 */

const oneOf = <T extends string>(words: readonly T[]) =>
  z.enum(words as readonly [T, ...T[]], { error: () => `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}` });
const count = (min: number, max: number) => {
  const error = () => `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};
const pattern = z
  .string({ error: () => 'must be a name, or one with * in it such as "web-*"' })
  .min(1, { error: () => 'must be a name, or one with * in it such as "web-*"' });
const patterns = z.array(pattern).min(1, { error: () => 'must name at least one' });

const window = z
  .strictObject({ opens: windowEdgeText, closes: windowEdgeText, zone: zoneText.optional() })
  .meta({ description: 'When cutovers may be: from the start on, or as a clock shows it in a zone.' });

const limits = z
  .strictObject({
    replicating: count(1, 100_000).default(8),
    cuttingOver: count(1, 100_000).default(4),
    tokens: z.record(pattern, count(1, 100_000)).optional().meta({
      description:
        'How many VMs may replicate or cut over at once through each place: "host kvm-1", "host *", "link wan", gateway, receiver.',
    }),
  })
  .prefault({});

const fields = {
  id: nameText('the name of the wave').transform(waveId),
  window,
  limits,
  onWindowClose: oneOf(['rollBack', 'finish']).default('rollBack'),
  requester: nameText('who asks for the wave').default('requester'),
  approval: oneOf(['given', 'required', 'requiredByAnother'])
    .optional()
    .meta({ description: 'What the wave itself needs before anything is cut over; given if left out.' }),
  expected: positiveDurationText
    .optional()
    .meta({ description: 'How long a cutover is expected to take: none is begun later than that before the end.' }),
  retry: z
    .strictObject({
      times: count(1, 100),
      after: positiveDurationText.prefault('10 min').meta({ description: 'Twice as long before each further try.' }),
      reserve: positiveDurationText.optional().meta({ description: 'No further try in this last part of the window.' }),
    })
    .optional()
    .meta({ description: 'What becomes of cutovers that were rolled back within the window.' }),
};

/** The only wave of a scenario: all its VMs. */
export const waveSchema = z.strictObject(fields);

const select = z
  .union(
    [
      z.literal('rest'),
      z.strictObject({
        vms: patterns.optional().meta({ description: 'By name; * stands for any part of it.' }),
        hosts: patterns.optional(),
        platforms: z.array(oneOf(sourcePlatforms)).min(1).optional(),
        applications: patterns.optional(),
      }),
    ],
    { error: () => 'must be "rest", or have vms, hosts, platforms or applications below it' },
  )
  .default('rest')
  .meta({ description: 'Which VMs: those that all of it fits, or the rest that no wave has moved.' });

/** One of several waves. */
const oneOfWaves = z.strictObject({
  ...fields,
  select,
  after: z
    .array(nameText('the name of a wave'))
    .optional()
    .meta({ description: 'Waves that must be over first. For "rest" all before it, if left out.' }),
});

/** Several waves, in the order in which they choose their VMs. */
export const wavesSchema = z.array(oneOfWaves).min(1, { error: () => 'must list at least one wave' });

/** What VMs are parts of. By name. */
export const applicationsSchema = z.record(
  z.string(),
  z.strictObject({
    vms: patterns,
    together: z
      .boolean({ error: () => 'must be true or false' })
      .default(false)
      .meta({ description: 'Whether they begin their cutovers as one.' }),
    after: z.array(pattern).default([]).meta({ description: 'Applications that must have been cut over before.' }),
  }),
);

/** Groups of VMs of which no two cut over in one window. By name. */
export const apartSchema = z.record(z.string(), patterns);

type WaveText = z.output<typeof oneOfWaves>;

/** One wave as a scenario has it, its window counted from the start. */
export type ScenarioWave = Omit<WaveText, 'window'> & {
  readonly window: { readonly opens: Millis; readonly closes: Millis };
};

/** The window counted from the start, or what is wrong with it. */
export function windowFrom(
  start: Instant,
  { opens, closes, zone }: WaveText['window'],
):
  | { readonly opens: Millis; readonly closes: Millis }
  | { readonly key: keyof WaveText['window']; readonly message: string } {
  if (opens.type !== closes.type)
    return {
      key: 'closes',
      message: `must be ${opens.type === 'after' ? 'a duration' : 'a date and time'}, as "opens" is`,
    };
  if (opens.type === 'after' && closes.type === 'after') {
    if (zone !== undefined) return { key: 'zone', message: 'must be left out: durations are counted from the start' };
    return ordered(opens.duration, closes.duration);
  }
  if (zone === undefined)
    return { key: 'opens', message: 'is a time on a clock: say with "zone" where it hangs, such as zone: +01:00' };
  const unknown = zoneProblem(zone);
  if (unknown !== undefined) return { key: 'zone', message: unknown };
  const edges = { opens: 0, closes: 0 };
  for (const [key, edge] of Object.entries({ opens, closes }) as ['opens' | 'closes', WindowEdge][]) {
    if (edge.type === 'after') continue;
    const [moment, later] = momentsShowing(zone, edge.shown);
    if (moment === undefined) return { key, message: 'is never shown there: clocks are put forward over it' };
    if (later !== undefined)
      return { key, message: 'is shown twice there, as clocks are put back: give "zone" as an offset such as +01:00' };
    edges[key] = moment - start;
  }
  return ordered(edges.opens, edges.closes);
}

function ordered(opens: number, closes: number): ReturnType<typeof windowFrom> {
  if (opens < 0) return { key: 'opens', message: 'must not be before the scenario "starts"' };
  if (closes <= opens) return { key: 'closes', message: 'must be later than "opens"' };
  return { opens: millis(opens), closes: millis(closes) };
}

/** A wave with its window counted from the start. Only for one whose window has nothing wrong with it. */
export function waveFrom(
  start: Instant,
  { window: said, ...wave }: Partial<WaveText> & z.output<typeof waveSchema>,
): ScenarioWave {
  const found = windowFrom(start, said);
  if ('message' in found) throw new RangeError(`window.${found.key} ${found.message}`);
  return { select: 'rest', ...wave, window: found };
}
