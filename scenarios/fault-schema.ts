import { z } from 'zod';
import { effectKinds, isSideEffect, type EffectType, type SideEffectType } from '#core/migration/effects';
import { durationText, positiveDurationText, shareText } from './quantity.ts';

const text = (what: string) => z.string({ error: () => `must be ${what}` }).min(1, { error: () => `must be ${what}` });
const oneOf = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, {
    error: () => `must be ${words.slice(0, -1).join(', ')}${words.length > 1 ? ' or ' : ''}${words.at(-1)}`,
  });

const sideEffects = (Object.keys(effectKinds) as EffectType[]).filter(isSideEffect) as [
  SideEffectType,
  ...SideEffectType[],
];

// Which VMs a fault strikes, how often, and with which probability each time.
const strikes = {
  vms: z
    .union(
      [
        z.literal('all'),
        z.array(text('the name of a VM')).min(1, { error: () => 'must name at least one VM, or be "all"' }),
      ],
      {
        error: () => 'must be "all" or a list of VM names',
      },
    )
    .default('all'),
  times: z
    .int({ error: () => 'must be a whole number from 1 on' })
    .min(1, { error: () => 'must be a whole number from 1 on' })
    .default(1)
    .meta({ description: 'How often each VM is struck at most.' }),
  chance: shareText.prefault('100 %').meta({ description: 'How likely it strikes each time it could.' }),
};

/** What may go wrong in a rehearsal. Nothing does unless a scenario says so. */
export const faultSchema = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('checkFailed'),
      ...strikes,
      check: text('the name of a check, such as target-space').default('target-space'),
      message: text('what the check says').default('the target datastore has no room for the replica'),
      remedy: text('what to do about it').default('free space on the datastore, or choose another one'),
    })
    .meta({ description: 'A check before replication fails. It passes once it has failed `times` times.' }),
  z
    .strictObject({
      type: z.literal('quiesceRefused'),
      ...strikes,
      manner: oneOf(['refused', 'ignored']).default('refused'),
      reason: text('what the guest says').default('a service does not stop'),
    })
    .meta({ description: 'The guest refuses to come to rest, or does not answer at all. By force it does.' }),
  z
    .strictObject({
      type: z.literal('launchFailed'),
      ...strikes,
      step: oneOf(['target', 'test']).default('target'),
      reason: text('what the target platform says').default('no host has enough memory left'),
    })
    .meta({ description: 'The target VM, or the clone of a test, does not start.' }),
  z
    .strictObject({
      type: z.literal('validationFailed'),
      ...strikes,
      reason: text('what is wrong').default('the application does not answer'),
    })
    .meta({ description: 'The target runs and does not pass its checks.' }),
  z
    .strictObject({
      type: z.literal('answerLost'),
      ...strikes,
      effects: z
        .array(oneOf(sideEffects))
        .min(1, { error: () => 'must name at least one effect' })
        .default(['launchTarget']),
      done: shareText.prefault('50 %').meta({ description: 'How likely it was done before the answer was lost.' }),
      found: oneOf(['exactly', 'notAtAll'])
        .default('exactly')
        .meta({ description: 'notAtAll: the world cannot tell afterwards either.' }),
    })
    .meta({ description: 'Something was asked of the world and its answer never came.' }),
  z
    .strictObject({ type: z.literal('trackingLost'), ...strikes })
    .meta({ description: 'Change tracking is reset at the source: what was written is not known any more.' }),
  z
    .strictObject({
      type: z.literal('linkDown'),
      link: text('the name of a link'),
      at: durationText.meta({ description: 'How long after the start.' }),
      lasts: positiveDurationText.prefault('2 min'),
    })
    .meta({ description: 'A link carries nothing for a while; what was on it is disconnected.' }),
]);

/** One fault as a file says it. */
export type FaultText = z.output<typeof faultSchema>;
