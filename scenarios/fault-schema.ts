import { z } from 'zod';
import { effectKinds, isSideEffect, type EffectType, type SideEffectType } from '#core/migration/effects';
import { timing, timingProblem, vmsText } from './fault-timing.ts';
import { shareText, sizeText } from './quantity.ts';

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
  vms: vmsText,
  times: z
    .int({ error: () => 'must be a whole number from 1 on' })
    .min(1, { error: () => 'must be a whole number from 1 on' })
    .default(1)
    .meta({ description: 'How often each VM is struck at most.' }),
  chance: shareText.prefault('100 %').meta({ description: 'How likely it strikes each time it could.' }),
  // Without any of these it strikes whenever it can.
  ...timing,
};
const link = text('the name of a link').default('wan');

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
      type: z.literal('fixUpFailed'),
      ...strikes,
      reason: text('what is wrong').default('the boot loader is of a kind that is not known'),
    })
    .meta({ description: 'The replica cannot be changed so that it would start on the target.' }),
  z
    .strictObject({
      type: z.literal('bootFailed'),
      ...strikes,
      reason: text('what is wrong').default('the guest stops at its boot loader'),
    })
    .meta({ description: 'The target, or the clone of a test, is powered on and its guest never comes up.' }),
  z
    .strictObject({
      type: z.literal('snapshotFailed'),
      ...strikes,
      reason: text('what the source platform says').default('the guest did not come to rest for the snapshot'),
    })
    .meta({
      description: 'A change mark cannot be frozen: the round does not begin, and is tried again after a while.',
    }),
  z
    .strictObject({
      type: z.literal('linkSlow'),
      link,
      left: shareText.prefault('20 %').meta({ description: 'The part of its bandwidth that is left.' }),
      ...timing,
    })
    .meta({ description: 'A link carries a part of what it should. Nothing is disconnected.' }),
  z
    .strictObject({ type: z.literal('linkLossy'), link, loss: shareText.prefault('1 %'), ...timing })
    .meta({ description: 'A link loses packets: streams over it are held to what TCP makes of that.' }),
  z
    .strictObject({
      type: z.literal('sitePartitioned'),
      links: z
        .array(text('the name of a link'))
        .min(1, { error: () => 'must name at least one link' })
        .optional()
        .meta({ description: 'All of them if not given.' }),
      ...timing,
    })
    .meta({ description: 'Nothing crosses any link.' }),
  z
    .strictObject({ type: z.literal('gatewayCrashed'), ...timing })
    .meta({ description: 'The gateway dies and is started again when the time is over; every stream breaks.' }),
  z
    .strictObject({ type: z.literal('receiverCrashed'), ...timing })
    .meta({ description: 'The receiver dies and is started again when the time is over; every stream breaks.' }),
  z
    .strictObject({ type: z.literal('sentinelLost'), vms: vmsText, ...timing })
    .meta({ description: 'The agents of some VMs are not heard: their streams break, and no others.' }),
  z
    .strictObject({
      type: z.literal('grayFailure'),
      vms: vmsText,
      share: shareText.prefault('20 %').meta({ description: 'How likely each of these VMs is concerned.' }),
      left: shareText.prefault('2 %').meta({ description: 'The part of its rate that is left to a stream.' }),
      ...timing,
    })
    .meta({ description: 'Streams of some VMs crawl, nothing breaks, and nobody says why.' }),
  z
    .strictObject({ type: z.literal('hostDown'), host: text('the name of a host'), ...timing })
    .meta({ description: 'A source host fails with its guests, and comes back when the time is over.' }),
  z
    .strictObject({ type: z.literal('datastoreFull'), datastore: text('the name of a datastore'), ...timing })
    .meta({ description: 'A datastore takes nothing more until somebody has freed space, when the time is over.' }),
  z
    .strictObject({
      type: z.literal('diskChanged'),
      vm: text('the name of a VM'),
      change: oneOf(['added', 'resized']).default('added'),
      disk: text('the name of a disk').default('disk-new'),
      size: sizeText.prefault('20 GiB'),
      ...timing,
    })
    .meta({ description: 'Somebody adds or resizes a disk of a source, and undoes it when the time is over.' }),
  z
    .strictObject({
      type: z.literal('vmMoved'),
      vm: text('the name of a VM'),
      host: text('the name of a host').meta({ description: 'Where it moves to, and stays.' }),
      tracking: oneOf(['kept', 'lost']).default('lost'),
      ...timing,
    })
    .meta({ description: 'A source moves to another host of its platform while it runs.' }),
  z
    .strictObject({ type: z.literal('managerCrash'), ...timing })
    .meta({ description: 'What runs the migrations dies, and is started again from the log when the time is over.' }),
  z
    .strictObject({ type: z.literal('linkDown'), link, ...timing })
    .meta({ description: 'A link carries nothing for a while; what was on it is disconnected.' }),
]);

/** One fault as a file says it. */
export type FaultText = z.output<typeof faultSchema>;

/** A mistake within one fault: names that lead nowhere are found elsewhere. */
export function faultProblem(fault: FaultText): string | undefined {
  return timingProblem(fault, 'times' in fault ? 'atMostOne' : 'one');
}

/** A name that a fault refers to, and where in it. */
export interface FaultReference {
  readonly path: readonly (string | number)[];
  readonly kind: 'VM' | 'host' | 'link' | 'datastore';
  readonly name: string;
}

/** Every name that a fault refers to. */
export function faultReferences(fault: FaultText): readonly FaultReference[] {
  const one = (kind: FaultReference['kind'], key: string, name: string): FaultReference => ({
    path: [key],
    kind,
    name,
  });
  const many = (kind: FaultReference['kind'], key: string, names: readonly string[]): readonly FaultReference[] =>
    names.map((name, i) => ({ path: [key, i], kind, name }));
  return [
    ...('vms' in fault && fault.vms !== 'all' ? many('VM', 'vms', fault.vms) : []),
    ...('vm' in fault ? [one('VM', 'vm', fault.vm)] : []),
    ...(fault.on && fault.on.vm !== 'any' ? [{ ...one('VM', 'vm', fault.on.vm), path: ['on', 'vm'] }] : []),
    ...('host' in fault ? [one('host', 'host', fault.host)] : []),
    ...('link' in fault ? [one('link', 'link', fault.link)] : []),
    ...('links' in fault && fault.links ? many('link', 'links', fault.links) : []),
    ...('datastore' in fault ? [one('datastore', 'datastore', fault.datastore)] : []),
  ];
}
