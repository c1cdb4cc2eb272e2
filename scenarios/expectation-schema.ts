import { z } from 'zod';
import { ratio, type Millis, type Ratio } from '#core/units';
import { nearestWord } from './nearest-word.ts';
import { durationText, positiveDurationText, shareText } from './quantity.ts';

/** Where a VM can be expected to end. */
export const endings = [
  'finalized',
  'cutOver',
  'rolledBack',
  'blocked',
  'protected',
  'ready',
  'cancelled',
  'failed',
] as const;

/** The VMs that an expectation speaks of: all, or by names in which `*` stands for any letters. */
export type Selection = 'all' | readonly string[];

/** What a scenario expects of a rehearsal, apart from how often. */
export type ExpectedThing =
  /** From the wave's start until it was over. */
  | { readonly type: 'finishWithin'; readonly within: Millis }
  /** Over before its window closed. */
  | { readonly type: 'finishBeforeClose' }
  /** So many of these VMs are down no longer, all tries together. */
  | { readonly type: 'downtimeMax'; readonly max: Millis; readonly vms: Selection; readonly share: Ratio }
  /** So many of these VMs end at one of these places. */
  | { readonly type: 'ends'; readonly at: readonly string[]; readonly vms: Selection; readonly share: Ratio }
  /** So many of these VMs run at the target in the end. */
  | { readonly type: 'moved'; readonly vms: Selection; readonly share: Ratio };

/** What a scenario expects, and how likely at least. */
export type Expectation = ExpectedThing & { readonly probability: Ratio };

/** Certainty, or all of them. */
export const always = ratio(1, 1);

const ending = z.enum(endings, { error: () => `must be ${endings.slice(0, -1).join(', ')} or ${endings.at(-1)}` });
const vmWord = z
  .string({ error: () => 'must be the name of a VM, or a pattern such as "db-*"' })
  .regex(/^[A-Za-z0-9*][A-Za-z0-9*._-]{0,99}$/, {
    error: () => 'must be the name of a VM, or a pattern such as "db-*"',
  });

const things = ['finishWithin', 'finishBeforeClose', 'downtimeMax', 'ends', 'moved'] as const;
const said = z.strictObject({
  finishWithin: positiveDurationText.optional().meta({ description: 'The wave is over, counted from its start.' }),
  finishBeforeClose: z
    .literal(true, { error: () => 'must be true; leave it out if it may take longer' })
    .optional()
    .meta({ description: 'The wave is over before its window closes.' }),
  downtimeMax: durationText.optional().meta({ description: 'No VM is down longer, all its tries together.' }),
  ends: z
    .union([ending, z.array(ending).min(1, { error: () => 'must name at least one place' })], {
      error: () => `must be one or a list of ${endings.join(', ')}`,
    })
    .optional()
    .meta({ description: 'Where VMs end; one place, or several of which each will do.' }),
  moved: shareText.optional().meta({ description: 'So many of the VMs run at the target in the end.' }),
  vms: z
    .union([vmWord, z.array(vmWord).min(1, { error: () => 'must name at least one VM' })], {
      error: () => 'must be "all", the name of a VM, a pattern such as "db-*", or a list of them',
    })
    .optional()
    .meta({ description: 'Which VMs; all if not said. A star stands for any letters: "db-*".' }),
  share: shareText.optional().meta({ description: 'How many of those VMs at least; all if not said.' }),
  with: shareText.prefault('100 %').meta({ description: 'How likely at least, over many seeds.' }),
});

/** One expectation: exactly one thing, of which VMs if it is about VMs, and how likely. */
export const expectationSchema = said
  .check(({ value, issues }) => {
    const named = things.filter((thing) => value[thing] !== undefined);
    const mistake = (path: readonly string[], message: string): void =>
      void issues.push({ code: 'custom', path: [...path], message, input: value });
    if (named.length === 0) mistake([], `must say what is expected: ${listed(things)}`);
    for (const thing of named.slice(1)) mistake([thing], `makes two expectations of one; begin a new one for it`);
    const [thing] = named;
    if (thing === 'finishWithin' || thing === 'finishBeforeClose') {
      if (value.vms !== undefined) mistake(['vms'], `does not belong to ${thing}, which is about the whole wave`);
      if (value.share !== undefined) mistake(['share'], `does not belong to ${thing}, which is about the whole wave`);
    }
    if (thing === 'moved' && value.share !== undefined)
      mistake(['share'], 'is what "moved" itself says already: "moved: 98 %"');
    if (value.with.numerator === 0) mistake(['with'], 'must be more than 0 %: that much is always so');
  })
  .transform((value): Expectation => ({ ...thingOf(value), probability: value.with }));

function thingOf(value: z.output<typeof said>): ExpectedThing {
  const names = value.vms === undefined ? ['all'] : [value.vms].flat();
  const vms: Selection = names.includes('all') ? 'all' : names;
  const share = value.share ?? always;
  if (value.finishWithin !== undefined) return { type: 'finishWithin', within: value.finishWithin };
  if (value.downtimeMax !== undefined) return { type: 'downtimeMax', max: value.downtimeMax, vms, share };
  if (value.ends !== undefined) return { type: 'ends', at: [value.ends].flat(), vms, share };
  if (value.moved !== undefined) return { type: 'moved', vms, share: value.moved };
  return { type: 'finishBeforeClose' };
}

const listed = (words: readonly string[]): string => `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;

/** Whether a VM of this name is one of those. */
export function selects(vms: Selection): (name: string) => boolean {
  if (vms === 'all') return () => true;
  const names = new Set(vms.filter((word) => !word.includes('*')));
  const patterns = vms.filter((word) => word.includes('*')).map(patternOf);
  return (name) => names.has(name) || patterns.some((pattern) => pattern.test(name));
}

// What a name may be made of has no meaning in a pattern but the dot.
const patternOf = (word: string): RegExp =>
  new RegExp(`^${word.replaceAll('.', String.raw`\.`).replaceAll(/\*+/g, '.*')}$`);

/** The names and patterns of expectations that fit no VM: nothing could ever be seen of them. */
export function unmatchedNames(
  expectations: readonly Expectation[],
  names: readonly string[],
): readonly { readonly at: number; readonly word: string; readonly meant: string | undefined }[] {
  return expectations.flatMap((expectation, at) => {
    if (!('vms' in expectation) || expectation.vms === 'all') return [];
    return expectation.vms
      .filter((word) => !names.some(selects([word])))
      .map((word) => ({ at, word, meant: word.includes('*') ? undefined : nearestWord(word, names) }));
  });
}
