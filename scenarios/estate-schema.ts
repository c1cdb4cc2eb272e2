import { z } from 'zod';
import { diskId } from '#core/ids';
import { sourcePlatforms } from '#core/migration/plan';
import { guestNames, type GuestName } from '#simulator/estate/guest';
import { weekdays, writePatterns } from '#simulator/estate/write-model';
import { nameText } from './migration-scenario.ts';
import { durationText, positiveDurationText, rateText, shareText, sizeText } from './quantity.ts';

/**
 * What an estate is made of, in the words that scenarios and estate files share.
 */

/** One of several words. */
export const oneOf = <T extends string>(words: readonly T[]) =>
  z.enum(words as readonly [T, ...T[]], { error: () => `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}` });
/** A text that is not empty. */
export const text = (what: string) =>
  z.string({ error: () => `must be ${what}` }).min(1, { error: () => `must be ${what}` });
/** A whole number within bounds, both included. */
export const count = (min: number, max: number) => {
  const error = () => `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

const used = z
  .union([shareText, sizeText], { error: () => 'must be a share such as "50 %", or a size such as "20 GiB"' })
  .prefault('50 %')
  .meta({ description: 'The part that is allocated: a share of the disk, or a size.' });

const disk = z.strictObject({
  id: nameText('the name of a disk').transform(diskId).optional(),
  size: sizeText,
  used,
  tracked: z.boolean({ error: () => 'must be true or false' }).default(true),
});

const timeOfDay = durationText.refine((time) => time < 86_400_000, { error: () => 'must be less than 24 h' });
/** Cores of a host or an appliance. */
export const cores = count(1, 1_024)
  .optional()
  .meta({ description: 'Cores for this work; enough of them if not given.' });

const writes = z
  .strictObject({
    rate: rateText.prefault('512 KiB/s').meta({ description: 'The mean over a day.' }),
    pattern: oneOf(writePatterns).default('steady'),
    workingSet: sizeText.prefault('1 GiB').meta({ description: 'However long one waits, no more than this is dirty.' }),
    bursts: z
      .strictObject({
        every: positiveDurationText.meta({ description: 'One burst in each, at a moment that follows from the seed.' }),
        lasts: positiveDurationText,
        factor: count(1, 1_000).meta({ description: 'How many times more than between bursts.' }),
      })
      .optional()
      .meta({ description: 'Times at which it writes much more. The mean stays "rate".' }),
    hotSpot: z
      .strictObject({
        writes: shareText.prefault('80 %').meta({ description: 'The part of the writes that goes there.' }),
        share: shareText.prefault('20 %').meta({ description: 'The part of the working set that it is.' }),
      })
      .optional()
      .meta({ description: 'A small part of the working set that takes most of the writes.' }),
    batch: z
      .strictObject({
        rate: rateText.meta({ description: 'Written on top of everything else.' }),
        opens: timeOfDay.meta({ description: 'After midnight, UTC.' }),
        closes: timeOfDay.meta({ description: 'After midnight, UTC; if not later, on the next day.' }),
        days: z
          .array(oneOf(weekdays))
          .min(1, { error: () => 'must name at least one day' })
          .default([...weekdays]),
      })
      .optional()
      .meta({ description: 'A window on some days in which a batch writes.' }),
  })
  .prefault({});

/** One VM at the source. */
export const vmSchema = z.strictObject({
  name: nameText('the name of a VM'),
  host: nameText('the name of a host'),
  link: nameText('the name of a link').default('wan'),
  datastore: nameText('the name of a datastore')
    .optional()
    .meta({ description: 'Where its replica is written; each in turn if not given.' }),
  services: count(0, 1_000)
    .optional()
    .meta({ description: 'Services beyond those of a plain guest: each makes coming to rest longer.' }),
  guest: oneOf(guestNames).default('debian-12' satisfies GuestName),
  disks: z.array(disk).min(1, { error: () => 'must list at least one disk' }),
  writes,
  application: text('the name of an application')
    .optional()
    .meta({ description: 'The application this VM belongs to: VMs that move together.' }),
  tags: z.array(text('a tag')).optional().meta({ description: 'Words to select VMs by.' }),
  after: z
    .array(nameText('the name of a VM'))
    .optional()
    .meta({ description: 'VMs of the same estate that must have been cut over before.' }),
});

/** A hypervisor host at the source. */
export const hostSchema = z.strictObject({
  name: nameText('the name of a host'),
  platform: oneOf(sourcePlatforms),
  read: rateText.prefault('253 MB/s').meta({ description: 'What can be read from all its VMs together.' }),
  cores,
});

/** A network between the sites. */
export const linkSchema = z.strictObject({
  name: nameText('the name of a link'),
  bandwidth: rateText,
  latency: durationText.prefault('10 ms').meta({ description: 'One way.' }),
  loss: shareText.prefault('0 %'),
});
