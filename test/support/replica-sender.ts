import { extent } from '#core/disk/extent';
import { diskId, type DiskId } from '#core/ids';
import { ok, type Result } from '#core/result';
import { bytes, instant, round } from '#core/units';
import type { Files } from '#replicator/disk/files';
import { digestBlockWith, digestsOf, grain } from '#replicator/pipeline/digest';
import { digestStore, pagesInMemory } from '#replicator/pipeline/digest-store';
import type { ReplicationError, RoundMode } from '#replicator/pipeline/replication';
import { refuseDoubtful } from '#replicator/receiver/doubt-record';
import type { Replica } from '#replicator/receiver/replica';
import { openReplicaAt } from '#replicator/receiver/replica-place';
import { valueOf } from './value-of.ts';

/*
 * Who sends to the replica of a walk: it goes on from what it was told, whatever became of the receiver, and it knows what it
 * sent, so that nothing it is told may be untrue.
 */

const blocks = 6;
/** Bytes of the disk. The last block is short, as on real disks. */
export const size = (blocks - 1) * grain + 1_536;
/** Where a block is. */
export const rangeOf = (block: number) => extent(block * grain, Math.min(grain, size - block * grain));
const digestBlock = digestBlockWith('xxh64');
/** The disk of the replica. */
export const target = '/data/disk.raw';
/** A disk of somebody else. */
export const foreign = '/data/foreign.raw';

/** The rounds, each with its source: a letter that fills each block, a dot for a hole; and what changed since the last. */
export const rounds: readonly {
  readonly mode: RoundMode;
  readonly source: string;
  readonly dirty: readonly number[];
}[] = [
  { mode: 'full', source: 'ab.c.d', dirty: [0, 1, 2, 3, 4, 5] },
  { mode: 'changes', source: 'eb.cf.', dirty: [0, 4, 5] },
  { mode: 'rescan', source: 'eb.gh.', dirty: [0, 1, 2, 3, 4, 5] },
];

/** What a block of a source is. */
export const contentOf = (source: string, block: number): Uint8Array =>
  Buffer.alloc(rangeOf(block).length, source[block] === '.' ? 0 : source[block]);

/** The root of a source. */
export function rootOf(source: string): string {
  const digests = digestStore(size, pagesInMemory());
  for (let block = 0; block < blocks; block += 1)
    valueOf(digests.put(block, digestsOf(contentOf(source, block), digestBlock)));
  return valueOf(digests.root());
}

/** How a sender is. */
export interface SenderShape {
  /** It asks for now and then though it must not be given, or does what it may and need not. */
  readonly odd?: (() => boolean) | undefined;
  /** What it reads of a block that changed, which may be another thing each time; as the round has it if left out. */
  readonly reads?: (() => string) | undefined;
  /** After how many blocks it wants them durable; two if left out. */
  readonly together?: (() => number) | undefined;
}

/** What a sender was told. It outlives every crash of the receiver. */
export interface Sender extends SenderShape {
  /** It compares everything in a round of changes: what tracked them was lost in the middle of it. */
  compares: boolean;
  /** Just now: nothing of the round has been compared. */
  hasLost: boolean;
  /** The round it is in: all before it were said to be complete. */
  round: number;
  /** It asked for that round. */
  hasBegun: boolean;
  /** The digests of the receiver may be others than those of the round, and nothing there tells. */
  mayDiffer: boolean;
  /** Blocks of that round that were said to be durable. */
  readonly acked: Set<number>;
  /** What it sent last of each block. */
  readonly sent: string[];
}

/** One that has sent nothing. */
export const newSender = (shape: SenderShape): Sender => ({
  ...shape,
  ...{ compares: false, hasLost: false, round: 0, hasBegun: false, mayDiffer: false },
  acked: new Set(),
  sent: Array.from({ length: blocks }, () => '.'),
});

/** Checks that what the sender was told is so. */
export type Check = (sender: Sender, settled: ReadonlySet<number>) => void;

/** Throws what is wrong. */
export const wrong = (why: string): never => {
  throw new Error(why);
};

/** Opens the replica, or asks for one that is not there to be had. */
export const opening = (files: Files, other: { session?: string; disk?: DiskId; target?: string } = {}) =>
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
  sender.hasBegun = true;
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
    if (batch.length < (sender.together?.() ?? 2)) continue;
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
      compareAll(sender);
      return runRound(replica, sender, check);
    }
  }
  const asksOddly = sender.odd?.() ?? false;
  // A rescan that does not agree is looked at again as a whole, whether its sender hears of that or not.
  if (mode === 'rescan' && (asksOddly || sender.mayDiffer)) sender.acked.clear();
  if (asksOddly && (await replica.complete('another root')).ok)
    wrong('a round ends with another root than its source has');
  return replica.complete(rootOf(sender.sent.join('')));
}

/** From now on it compares everything: nothing of the round counts any more. */
function compareAll(sender: Sender): void {
  sender.compares = true;
  sender.hasLost = true;
  sender.acked.clear();
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

/** Goes through all rounds, opening the replica again whenever something failed that may. */
export async function replicate(files: Files, sender: Sender, check: Check, mayFail: boolean): Promise<void> {
  while (sender.round < rounds.length) {
    if (sender.round > 0 && sender.odd?.()) await mustBeRefused(files, sender);
    const opened = await opening(files);
    if (!opened.ok) mustBeForgiven(sender, opened.error, mayFail);
    if (!opened.ok) continue;
    const replica = opened.value;
    if (sender.odd?.() && (await opening(files)).ok) wrong('a replica is given to two at once');
    // What tracked the changes was lost while nobody was connected.
    if (isOfChanges(sender) && sender.odd?.()) compareAll(sender);
    await roundsOf(replica, files, sender, check, mayFail);
    await replica.close();
  }
}

const isOfChanges = ({ round: number, compares }: Sender): boolean => !compares && rounds[number]?.mode === 'changes';

/** Round after round, until one fails. */
async function roundsOf(replica: Replica, files: Files, sender: Sender, check: Check, mayFail: boolean): Promise<void> {
  while (sender.round < rounds.length) {
    const outcome = await runRound(replica, sender, check);
    if (!outcome.ok) return mustBeForgiven(sender, outcome.error, mayFail);
    if (await refuseDoubtful({ records: target, target, size }, files))
      wrong(`round ${sender.round} is complete, and its disk is in doubt`);
    sender.round += 1;
    sender.compares = false;
    sender.hasBegun = false;
    sender.mayDiffer = false;
    sender.acked.clear();
  }
}

/** What failed may fail where the disk does, and where digests are others than they were: then it compares everything. */
function mustBeForgiven(sender: Sender, error: ReplicationError, mayFail: boolean): void {
  if (sender.mayDiffer && (error.type === 'RootMismatch' || isToBeRescanned(error))) return compareAll(sender);
  if (mayFail && (error.type === 'TargetFailed' || error.type === 'TargetUnavailable')) return;
  wrong(`round ${sender.round}: ${JSON.stringify(error)}`);
}

const isToBeRescanned = (error: ReplicationError): boolean =>
  error.type === 'TargetFailed' && error.error.type === 'IoError' && error.error.detail.includes('has to be rescanned');

const strangers = [{ session: 'm-2' }, { disk: diskId('vdb') }, { target: foreign }];

/** A replica of somebody else, and a disk that is none. */
async function mustBeRefused(files: Files, { acked, round: number }: Sender): Promise<void> {
  const stranger = strangers[(acked.size + number) % strangers.length];
  if ((await opening(files, stranger)).ok)
    wrong(`a disk is given to whom it does not belong: ${JSON.stringify(stranger)}`);
}
