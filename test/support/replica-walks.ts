import { instant, round, type Ratio } from '#core/units';
import { digestsPathOf } from '#replicator/receiver/replica-digests';
import { simulatedVolume, type SimulatedVolume } from '#simulator/block/files/volume';
import { simulatedProcess } from '#simulator/block/process';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import {
  contentOf,
  foreign,
  newSender,
  opening,
  rangeOf,
  replicate,
  rootOf,
  rounds,
  size,
  target,
  wrong,
  type Check,
  type Sender,
  type SenderShape,
} from './replica-sender.ts';
import { valueOf } from './value-of.ts';

/*
 * The real journal and the real replica on a disk that loses what was not synced: power fails, processes die, syncs fail,
 * files of digests are lost or go back in time, and senders ask for what they must not be given.
 */

/** What ends the receiver besides its own end: power, or only its process, so that the page cache stays. */
export type Fate = 'power' | 'kill';

/** Syncs that fail until the last start of the receiver. */
export interface FailingSyncs {
  readonly rate: Ratio;
  readonly of: (path: string) => boolean;
}

/** What becomes of the file of digests between two starts of the receiver: nothing, it is gone, or as it was at one start. */
type DigestsFate = 'kept' | 'lost' | 'emptied' | 'old';

// What else there is, beside ends of the receiver.
interface Troubles extends SenderShape {
  readonly syncs?: FailingSyncs;
  readonly fateOf?: () => Fate;
  /**
   * How many steps after a sync that failed the receiver ends, once; Infinity if not for that. Twice in a row, with a block that
   * is again what it was, is more than the receiver promises to know of.
   */
  readonly endsAfter?: () => number;
  readonly digestsFate?: () => DigestsFate;
  /** Which of the files of digests that there were is there again. */
  readonly pick?: <T>(from: readonly [T, ...T[]]) => T;
}

/** Runs all rounds through ends of the receiver at the given steps, counted from each start. Returns the steps without. */
export async function through(seed: number, crashes: readonly number[], troubles: Troubles = {}): Promise<number> {
  const { syncs, fateOf = () => 'power', endsAfter, digestsFate = () => 'kept' } = troubles;
  const clock = virtualClock({ turn: () => new Promise((resolve) => setImmediate(resolve)) });
  let steps = 0;
  let crashAt = Infinity;
  let crashed = (): void => undefined;
  let receiver = simulatedProcess('receiver');
  let isLast = false;
  let hasEnded = false;
  const volume: SimulatedVolume = simulatedVolume({
    rng: seededRng(seed).fork('volume'),
    clock: {
      now: () => clock.now(),
      schedule: (at, act) =>
        clock.schedule(at, () => {
          steps += 1;
          if (steps < crashAt) return act();
          if (fateOf() === 'power') volume.crash();
          else receiver.kill();
          crashed();
        }),
    },
    // Told of what fails, and of what a crash left.
    note: (label) => {
      if (!label.includes('fails to') || isLast || hasEnded || !endsAfter) return;
      const endAt = steps + endsAfter();
      hasEnded = endAt < crashAt;
      crashAt = Math.min(crashAt, endAt);
    },
  });
  volume.placeDirectory('/data');
  volume.place(foreign, Buffer.alloc(size, 'x'));
  const sender = newSender(troubles);
  const check = checkOn(volume);
  const alter = digestsOn(volume, troubles);
  for (const crash of [...crashes, Infinity]) {
    if (alter(digestsFate()) && sender.hasBegun) sender.mayDiffer = true;
    steps = 0;
    crashAt = crash;
    isLast = crash === Infinity;
    const end = new Promise<void>((resolve) => (crashed = resolve));
    receiver = simulatedProcess('receiver');
    const files = volume.files(receiver);
    const heal = syncs && !isLast ? volume.fail('sync', syncs) : undefined;
    await clock.run(Promise.race([replicate(files, sender, check, heal !== undefined), end]));
    heal?.();
  }
  const stepsInAll = steps;
  crashAt = Infinity;
  volume.crash();
  await clock.run(mustBeThere(volume, sender));
  return stepsInAll;
}

/** What was acked is settled, and what is settled is what was sent. */
const checkOn =
  (volume: SimulatedVolume): Check =>
  ({ round: number, acked, sent }, settled) => {
    const [lost] = [...acked].filter((block) => !settled.has(block));
    if (lost !== undefined) wrong(`block ${lost} of round ${number} was acked, and is not durable`);
    const content = volume.content(target);
    for (const block of settled) {
      const { start, length } = rangeOf(block);
      const there = Buffer.from(content ?? []).subarray(start, start + length);
      const due = contentOf(sent.join(''), block);
      if (Buffer.compare(there, due) !== 0) wrong(`block ${block} of round ${number} is not what was sent`);
    }
  };

/** All rounds are complete, and power has failed after the last. */
async function mustBeThere(volume: SimulatedVolume, { sent }: Sender): Promise<void> {
  const expected = Buffer.concat(sent.map((_, block) => contentOf(sent.join(''), block)));
  if (Buffer.compare(Buffer.from(volume.content(target) ?? []), expected) !== 0)
    wrong('after power failed the disk is not what was sent');
  const replica = valueOf(await opening(volume.files(simulatedProcess('receiver'))));
  const started = valueOf(await replica.begin(round(rounds.length - 1), 'rescan', instant(1_000)));
  if (started.type !== 'Complete' || started.root !== rootOf(sent.join('')))
    wrong('after power failed the last round is not complete');
  await replica.close();
}

/** Does to the file of digests what its fate is, and answers whether it may be there with another content. */
function digestsOn(
  volume: SimulatedVolume,
  { pick = ([first]) => first }: Pick<Troubles, 'pick'>,
): (fate: DigestsFate) => boolean {
  const path = digestsPathOf(target);
  const earlier: Uint8Array[] = [];
  return (fate) => {
    const now = volume.content(path);
    if (!now) return false;
    const [first = now, ...others] = earlier;
    earlier.push(now);
    if (fate === 'lost') volume.remove(path);
    if (fate === 'emptied') volume.place(path, new Uint8Array(now.length));
    if (fate === 'old') volume.place(path, pick([first, ...others]));
    return fate === 'emptied' || fate === 'old';
  };
}

const failing: readonly FailingSyncs['of'][] = [(path) => path !== target, (path) => path === target, () => true];

/** A walk of one replica from a seed. Throws what is wrong. */
export async function soundReplica(seed: number): Promise<void> {
  const rng = seededRng(seed).fork('walk of a replica');
  const crashes = Array.from({ length: rng.between(0, 6) }, () => rng.between(1, 150));
  const of = rng.pick([undefined, undefined, ...failing]);
  const senders = rng.fork('senders');
  const source = rng.fork('source');
  const ends = rng.fork('ends');
  const digests = rng.fork('digests');
  await through(seed, crashes, {
    ...(of && { syncs: { rate: { numerator: 1, denominator: 6 }, of } }),
    fateOf: () => rng.pick(['power', 'kill']),
    odd: () => senders.chance({ numerator: 1, denominator: 4 }),
    together: () => senders.between(1, 3),
    // Of so few letters that a block is soon again what it was.
    ...(rng.between(0, 1) === 0 && { reads: () => source.pick(['a', 'b', '.']) }),
    // As of a process that gives up, or is ended, when its disk fails.
    ...(rng.between(0, 1) === 0 && { endsAfter: () => ends.pick([1, 2, 3, Infinity]) }),
    ...(rng.between(0, 1) === 0 && {
      digestsFate: () => digests.pick(['kept', 'kept', 'kept', 'lost', 'emptied', 'old'] as const),
      pick: (from) => digests.pick(from),
    }),
  });
}
