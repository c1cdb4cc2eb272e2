import { extent } from '#core/disk/extent';
import { diskId, type DiskId } from '#core/ids';
import { ok, type Result } from '#core/result';
import { bytes, instant, round, type Ratio } from '#core/units';
import type { Files } from '#replicator/disk/files';
import { digestBlockWith, digestsOf, grain } from '#replicator/pipeline/digest';
import { digestStore, pagesInMemory } from '#replicator/pipeline/digest-store';
import type { ReplicationError, RoundMode } from '#replicator/pipeline/replication';
import { openReplicaAt } from '#replicator/receiver/replica-place';
import type { Replica } from '#replicator/receiver/replica';
import { simulatedProcess } from '#simulator/block/process';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { simulatedVolume, type SimulatedVolume } from '#simulator/block/files/volume';
import { valueOf } from './value-of.ts';

/*
 * The real journal and the real replica on a disk that loses what was not synced: power fails, processes die, flushes fail,
 * and senders ask for what they must not be given. The sender goes on from what it was told, and nothing it was told may be
 * untrue.
 */

const blocks = 6;
// The last block is short, as on real disks.
const size = (blocks - 1) * grain + 1_536;
const rangeOf = (block: number) => extent(block * grain, Math.min(grain, size - block * grain));
const digestBlock = digestBlockWith('xxh64');
const target = '/data/disk.raw';
const foreign = '/data/foreign.raw';

/** The rounds, each with its source: a letter that fills each block, a dot for a hole; and what changed since the last. */
const rounds: readonly { readonly mode: RoundMode; readonly source: string; readonly dirty: readonly number[] }[] = [
  { mode: 'full', source: 'ab.c.d', dirty: [0, 1, 2, 3, 4, 5] },
  { mode: 'changes', source: 'eb.cf.', dirty: [0, 4, 5] },
  { mode: 'rescan', source: 'eb.gh.', dirty: [0, 1, 2, 3, 4, 5] },
];
const contentOf = (source: string, block: number): Uint8Array =>
  Buffer.alloc(rangeOf(block).length, source[block] === '.' ? 0 : source[block]);

function rootOf(source: string): string {
  const digests = digestStore(size, pagesInMemory());
  for (let block = 0; block < blocks; block += 1)
    valueOf(digests.put(block, digestsOf(contentOf(source, block), digestBlock)));
  return valueOf(digests.root());
}
/** What a sender was told. It outlives every crash of the receiver. */
interface Sender {
  /** What it asks for now and then though it must not be given. */
  readonly odd: (() => boolean) | undefined;
  /** It compares everything in a round of changes: what tracked them was lost in the middle of it. */
  compares: boolean;
  /** Just now: nothing of the round has been compared. */
  hasLost: boolean;
  /** The round it is in: all before it were said to be complete. */
  round: number;
  /** Blocks of that round that were said to be durable. */
  readonly acked: Set<number>;
  /** What it sent last of each block. */
  readonly sent: string[];
  /** What it reads of a block that changed, which may be another thing each time; as the round has it if left out. */
  readonly reads: (() => string) | undefined;
}

/** Checks that what the sender was told is so. */
type Check = (sender: Sender, settled: ReadonlySet<number>) => void;

const wrong = (why: string): never => {
  throw new Error(why);
};

const opening = (files: Files, other: { session?: string; disk?: DiskId; target?: string } = {}) =>
  openReplicaAt({
    target: other.target ?? target,
    records: other.target ?? target,
    session: other.session ?? 'm-1',
    disk: other.disk ?? diskId('vda'),
    size: bytes(size),
    digest: 'xxh64',
    overwrite: false,
    files,
  });

async function runRound(replica: Replica, sender: Sender, check: Check): Promise<Result<unknown, ReplicationError>> {
  const { mode: planned, source, dirty: changed } = rounds[sender.round] ?? { mode: 'full', source: '', dirty: [] };
  const mode = sender.compares ? 'rescan' : planned;
  const dirty = sender.compares ? Array.from({ length: blocks }, (_, block) => block) : changed;
  if (sender.odd?.() && (await replica.begin(round(sender.round + 2), 'changes', instant(1_000))).ok)
    wrong('a delta is begun on a round that never was');
  const started = await replica.begin(round(sender.round), mode, instant(1_000));
  if (!started.ok) return started;
  if (started.value.type === 'Complete')
    return started.value.root === rootOf(sender.sent.join(''))
      ? ok(undefined)
      : wrong('a round has another root than it had');
  const settled = new Set<number>();
  for (let block = 0; block < blocks; block += 1) if (replica.settled(rangeOf(block)).length > 0) settled.add(block);
  if (sender.compares && sender.hasLost && settled.size > 0) wrong('what a delta settled is taken for compared');
  sender.hasLost = false;
  check(sender, settled);
  let batch: { readonly block: number; readonly done: Promise<Result<unknown, ReplicationError>> }[] = [];
  for (const block of dirty) {
    if (settled.has(block)) continue;
    if (changed.includes(block)) sender.sent[block] = sender.reads?.() ?? source[block] ?? '.';
    const sent = await sendBlock(replica, mode, block, contentOf(sender.sent.join(''), block));
    if (!sent.ok) return sent;
    batch.push({ block, done: sent.value });
    if (batch.length < 2) continue;
    // What was written may still be on its way: that it is waited for is what a commit promises.
    const committed = await replica.commit();
    if (!committed.ok) return committed;
    for (const { done } of batch) {
      const outcome = await done;
      if (!outcome.ok) return outcome;
    }
    for (const { block: done } of batch) sender.acked.add(done);
    batch = [];
    if (mode === 'changes' && sender.odd?.()) {
      sender.compares = true;
      sender.hasLost = true;
      sender.acked.clear();
      return runRound(replica, sender, check);
    }
  }
  if (sender.odd?.() && (await replica.complete('another root')).ok)
    wrong('a round ends with another root than its source has');
  return replica.complete(rootOf(sender.sent.join('')));
}

/** Sends a block, and answers what is still to be done. */
async function sendBlock(
  replica: Replica,
  mode: RoundMode,
  block: number,
  content: Uint8Array,
): Promise<Result<Promise<Result<unknown, ReplicationError>>, ReplicationError>> {
  const range = rangeOf(block);
  const digests = digestsOf(content, digestBlock);
  if (mode === 'rescan') {
    const there = await replica.reread(range);
    if (!there.ok) return there;
    if (there.value[0] === digests[0]) return ok(Promise.resolve(ok(replica.same(range))));
  }
  return ok(content[0] === 0 ? replica.zero(range) : replica.write(range.start, digests, content));
}

/** Goes through all rounds, opening the replica again whenever something failed. */
async function replicate(files: Files, sender: Sender, check: Check, mayFail: boolean): Promise<void> {
  while (sender.round < rounds.length) {
    if (sender.round > 0 && sender.odd?.()) await mustBeRefused(files, sender);
    const opened = await opening(files);
    if (!opened.ok && mayFail) continue;
    const replica = valueOf(opened);
    if (sender.odd?.() && (await opening(files)).ok) wrong('a replica is given to two at once');
    for (let outcome: Result<unknown, ReplicationError> = ok(undefined); outcome.ok && sender.round < rounds.length;) {
      outcome = await runRound(replica, sender, check);
      if (outcome.ok) {
        sender.round += 1;
        sender.compares = false;
        sender.acked.clear();
      } else if (!mayFail) throw new Error(`round ${sender.round}: ${JSON.stringify(outcome.error)}`);
    }
    await replica.close();
  }
}

const strangers = [{ session: 'm-2' }, { disk: diskId('vdb') }, { target: foreign }];

/** A replica of somebody else, and a disk that is none. */
async function mustBeRefused(files: Files, { acked, round: number }: Sender): Promise<void> {
  const stranger = strangers[(acked.size + number) % strangers.length];
  if ((await opening(files, stranger)).ok)
    wrong(`a disk is given to whom it does not belong: ${JSON.stringify(stranger)}`);
}

/** What ends the receiver besides its own end: power, or only its process, so that the page cache stays. */
export type Fate = 'power' | 'kill';

/** Syncs that fail until the last start of the receiver. */
export interface FailingSyncs {
  readonly rate: Ratio;
  readonly of: (path: string) => boolean;
}

// What else there is, beside ends of the receiver.
interface Troubles {
  readonly syncs?: FailingSyncs;
  readonly fateOf?: () => Fate;
  readonly odd?: () => boolean;
  readonly reads?: () => string;
}

/** Runs all rounds through ends of the receiver at the given steps, counted from each start. Returns the steps without. */
export async function through(
  seed: number,
  crashes: readonly number[],
  { syncs, fateOf = () => 'power', odd, reads }: Troubles = {},
): Promise<number> {
  const clock = virtualClock({ turn: () => new Promise((resolve) => setImmediate(resolve)) });
  let steps = 0;
  let crashAt = Infinity;
  let crashed = (): void => undefined;
  let receiver = simulatedProcess('receiver');
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
  });
  volume.placeDirectory('/data');
  volume.place(foreign, Buffer.alloc(size, 'x'));
  const sent = Array.from({ length: blocks }, () => '.');
  const sender: Sender = { round: 0, compares: false, hasLost: false, acked: new Set(), odd, sent, reads };
  const check: Check = ({ round: number, acked }, settled) => {
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
  for (const crash of [...crashes, Infinity]) {
    steps = 0;
    crashAt = crash;
    const end = new Promise<void>((resolve) => (crashed = resolve));
    receiver = simulatedProcess('receiver');
    const files = volume.files(receiver);
    const heal = syncs && crash < Infinity ? volume.fail('sync', syncs) : undefined;
    await clock.run(Promise.race([replicate(files, sender, check, heal !== undefined), end]));
    heal?.();
  }
  const stepsInAll = steps;
  crashAt = Infinity;
  volume.crash();
  const last = rounds.length - 1;
  const expected = Buffer.concat(sent.map((_, block) => contentOf(sent.join(''), block)));
  if (Buffer.compare(Buffer.from(volume.content(target) ?? []), expected) !== 0)
    wrong('after power failed the disk is not what was sent');
  await clock.run(
    (async () => {
      const replica = valueOf(await opening(volume.files(simulatedProcess('receiver'))));
      const started = valueOf(await replica.begin(round(last), 'rescan', instant(1_000)));
      if (started.type !== 'Complete' || started.root !== rootOf(sent.join('')))
        wrong('after power failed the last round is not complete');
      await replica.close();
    })(),
  );
  return stepsInAll;
}

const failing: readonly FailingSyncs['of'][] = [(path) => path !== target, (path) => path === target, () => true];

/** A walk of one replica from a seed. Throws what is wrong. */
export async function soundReplica(seed: number): Promise<void> {
  const rng = seededRng(seed).fork('walk of a replica');
  const crashes = Array.from({ length: rng.between(0, 6) }, () => rng.between(1, 150));
  const of = rng.pick([undefined, undefined, ...failing]);
  const senders = rng.fork('senders');
  const source = rng.fork('source');
  await through(seed, crashes, {
    ...(of && { syncs: { rate: { numerator: 1, denominator: 6 }, of } }),
    fateOf: () => rng.pick(['power', 'kill']),
    odd: () => senders.chance({ numerator: 1, denominator: 4 }),
    // Of so few letters that a block is soon again what it was.
    ...(rng.between(0, 1) === 0 && { reads: () => source.pick(['a', 'b', '.']) }),
  });
}
