import type { DeviceError } from '#core/disk/block-device';
import { extent, extentEnd, type Extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { sometimes } from '#core/sometimes';
import { bytes, MiB, type Bytes, type Instant, type Offset, type Round } from '#core/units';
import { blockSet, blocksOf, type BlockSet } from '#replicator/pipeline/block-set';
import { blocksIn, digestBlockWith, type DigestAlgorithm } from '#replicator/pipeline/digest';
import type { DigestStore, PageError } from '#replicator/pipeline/digest-store';
import type { ReplicationError, RoundMode } from '#replicator/pipeline/replication';
import { emptyJournal, encodeRecord, joinEntries, type DurableEntry } from './journal.ts';
import type { ClosedRound, JournalHeader, OpenedRound } from './journal-shapes.ts';
import type { JournalState } from './journal-state.ts';
import { rereads, type Rereads } from './rereads.ts';
import { settleDoubts } from './settle-doubts.ts';
import { targetDisk, type TargetDisk, type TargetDiskParts } from './target-disk.ts';

/*
 * A disk that is being replicated to, and its journal.
 *
 *     write ─► device ┐
 *     zero  ─► device ├─ commit: wait for them, flush the device, append to the journal ─► durable, may be acked
 *     same            ┘
 *
 * The order within a commit is the promise: what the journal tells of is on stable storage, so after any crash the
 * journal knows at most too little.
 */

/** Why the journal could not be kept. */
export type JournalStoreError = { readonly type: 'JournalFailed'; readonly detail: string };

/** Where the bytes of one journal are. What returned is on stable storage. */
export interface JournalStore {
  append(record: Uint8Array): Promise<Result<void, JournalStoreError>>;
  /** Replaces all of it at once: after a crash there is the old one or the new one. */
  replace(content: Uint8Array): Promise<Result<void, JournalStoreError>>;
  /** Length in bytes. */
  readonly length: number;
  close(): Promise<void>;
}

/** What a replica is made of. It owns all of it. */
export interface ReplicaParts extends TargetDiskParts {
  /** The target as people know it, for errors. */
  readonly target: string;
  readonly journal: JournalStore;
  readonly digests: DigestStore;
  /** What the journal said when it was opened. */
  readonly state: JournalState;
  /** From here on the device read as zeroes when it was opened: zeroing it is free until its first round ends. */
  readonly freshFrom: number;
}

/** How a round starts. */
export type RoundStart =
  | { readonly type: 'Complete'; readonly root: string; readonly size: Bytes }
  | {
      readonly type: 'Open';
      /** When it was first begun. */
      readonly openedAt: Instant;
      /** Whether an earlier run of it left durable blocks. */
      readonly resumed: boolean;
      /** The round before, whose root the digests still have unless `resumed`. None: all digests are 0 unless `resumed`. */
      readonly base: ClosedRound | undefined;
    };

/** A replica that is open. One round at a time, one owner. Calls within a round may overlap; ranges may not. */
export interface Replica {
  readonly size: Bytes;
  readonly digest: DigestAlgorithm;
  /** Begins a round or continues it. */
  begin(round: Round, mode: RoundMode, now: Instant): Promise<Result<RoundStart, ReplicationError>>;
  /** The parts of `range` that are durable in this round. */
  settled(range: Extent): readonly Extent[];
  /**
   * Reads a range again and digests it, for a sender to compare and to say of what it is `same`. What may be lost although
   * it can be read is written again. What is on record stays: it is what is durable.
   */
  reread(range: Extent): Promise<Result<BigUint64Array, ReplicationError>>;
  /** The digests on record, without reading. */
  recorded(range: Extent): Result<BigUint64Array, ReplicationError>;
  /** Returns when the device has the bytes; durable after the next `commit`. */
  write(at: Offset, digests: BigUint64Array, data: Uint8Array): Promise<Result<void, ReplicationError>>;
  zero(range: Extent): Promise<Result<void, ReplicationError>>;
  /** Takes note that what was read again of the range, or is on record if it was not, is what the source has. */
  same(range: Extent): void;
  /** Makes everything begun before the call durable. */
  commit(): Promise<Result<void, ReplicationError>>;
  /** Commits and closes the round. With `root` given, only if the recorded digests have that root. */
  complete(root: string | undefined): Promise<Result<string, ReplicationError>>;
  /** Waits for what is in flight and lets go. Not committed is not durable. Idempotent. */
  close(): Promise<void>;
}

/**
 * The journal is rewritten without its digests when it is longer than this, so that neither its length nor the time to
 * open it grows with the disk. 8 MiB of digests stand for 64 GiB of data.
 */
export const journalMax = 8 * MiB;

// Far more than a window holds: a sender that keeps to its window never meets this.
const pendingMax = 8_192;

interface Pending {
  readonly entry: () => Result<DurableEntry, ReplicationError>;
  readonly done: Promise<Result<void, ReplicationError>>;
}

interface Open {
  readonly parts: ReplicaParts;
  readonly disk: TargetDisk;
  readonly header: JournalHeader;
  closed: ClosedRound | undefined;
  opened: OpenedRound | undefined;
  durable: BlockSet;
  pending: Pending[];
  readonly rereads: Rereads;
  committing: Promise<Result<void, ReplicationError>>;
  /** The first thing that went wrong for good: nothing is acked after it. */
  failed: ReplicationError | undefined;
  closing: Promise<void> | undefined;
  /** From here on the device reads as zeroes. */
  freshFrom: number;
  /** Whether what the journal said when it was opened is known to be on stable storage. */
  assured: boolean;
}

/** Puts a replica together from parts that belong together. Digests recorded in the journal are applied. */
export function openReplica(parts: ReplicaParts): Result<Replica, ReplicationError> {
  const { header, closed, opened, entries } = parts.state;
  const open: Open = {
    parts,
    disk: targetDisk(parts),
    header,
    closed,
    opened,
    durable: blockSet(header.size),
    pending: [],
    rereads: rereads(header.size),
    committing: Promise.resolve(ok(undefined)),
    failed: undefined,
    closing: undefined,
    freshFrom: parts.freshFrom,
    assured: false,
  };
  for (const entry of entries) {
    const applied = applyEntry(open, entry);
    if (!applied.ok) return applied;
  }
  return ok({
    size: bytes(header.size),
    digest: header.digest,
    begin: (round, mode, now) => begin(open, round, mode, now),
    settled: (range) => open.durable.within(range),
    reread: (range) => reread(open, range),
    recorded: (range) => recorded(open, range),
    write: (at, digests, data) => {
      const entry = { ...extent(at, data.length), digests: digests.slice() };
      return track(open, () => ok(entry), open.disk.write(at, data));
    },
    zero: (range) => track(open, () => ok({ ...range, digests: 'zero' }), zero(open, range)),
    same: (range) => same(open, range),
    commit: () => commit(open),
    complete: (root) => complete(open, root),
    close: () => (open.closing ??= close(open)),
  });
}

const deviceFailed = ({ target }: ReplicaParts, error: DeviceError): ReplicationError => ({
  type: 'TargetFailed',
  target,
  error,
});
const storeFailed = ({ target }: ReplicaParts, error: JournalStoreError | PageError): ReplicationError => ({
  type: 'TargetUnavailable',
  target,
  detail: `its journal cannot be kept: ${error.detail}`,
});

function applyEntry(open: Open, { start, length, digests }: DurableEntry): Result<void, ReplicationError> {
  const { first, end } = blocksOf({ start, length }, open.header.size);
  open.durable.add({ start, length });
  if (digests === 'stored') return ok(undefined);
  const put = open.parts.digests.put(first, digests === 'zero' ? new BigUint64Array(end - first) : digests);
  return put.ok ? put : err(storeFailed(open.parts, put.error));
}

async function begin(
  open: Open,
  round: Round,
  mode: RoundMode,
  at: Instant,
): Promise<Result<RoundStart, ReplicationError>> {
  const { closed, opened, header } = open;
  if (!opened && closed?.round === round) {
    sometimes('receiver: was asked for a round that it has');
    const assured = await assureJournal(open);
    return assured.ok ? ok({ type: 'Complete', root: closed.root, size: bytes(header.size) }) : assured;
  }
  if (opened?.round === round && opened.mode === mode) {
    const assured = await assureJournal(open);
    if (!assured.ok) return assured;
    const resumed = open.durable.count > 0;
    if (resumed) sometimes('receiver: resumed a round from its journal');
    return ok({ type: 'Open', openedAt: opened.at as Instant, resumed, base: closed });
  }
  // A delta stands on the round before it. Full syncs and rescans look at everything and stand on nothing.
  const last = opened ?? closed;
  const follows = mode === 'changes' ? !opened && closed?.round === round - 1 : true;
  if (!follows || (last && round < last.round)) {
    sometimes('receiver: refused a round out of order');
    return err({ type: 'RoundOutOfOrder', asked: round, last: last?.round ?? -1, lastIsComplete: !opened && !!closed });
  }
  const abandoned = opened !== undefined;
  if (abandoned) {
    sometimes('receiver: gave up a round for another');
    open.freshFrom = header.size;
  }
  const written = await rewriteJournal(open, { round, mode, at }, []);
  if (!written.ok) return written;
  open.opened = { round, mode, at };
  open.durable = blockSet(header.size);
  // What an abandoned round left is on record, so the digests are no longer those of the round before it.
  return ok({ type: 'Open', openedAt: at, resumed: abandoned, base: closed });
}

/**
 * Makes sure of what the journal said when it was opened, before anyone is told of it. A record whose sync failed can be read
 * until the machine crashes, and no later sync of that file writes it; what is written anew is there or the round fails.
 */
async function assureJournal(open: Open): Promise<Result<void, ReplicationError>> {
  if (open.assured) return ok(undefined);
  return rewriteJournal(open, open.opened, storedEntries(open));
}

const storedEntries = ({ durable, header }: Open): readonly DurableEntry[] =>
  durable.within(extent(0, header.size)).map((range) => ({ ...range, digests: 'stored' }));

/** Writes a journal anew with digests on stable storage, so that it need not have them. */
async function rewriteJournal(
  open: Open,
  opened: OpenedRound | undefined,
  entries: readonly DurableEntry[],
): Promise<Result<void, ReplicationError>> {
  const { parts, header, closed } = open;
  const flushed = parts.digests.flush();
  if (!flushed.ok) return err(storeFailed(parts, flushed.error));
  const records = [
    emptyJournal(header),
    encodeRecord({ type: 'TargetCreated' }),
    ...(closed ? [encodeRecord({ type: 'RoundClosed', closed })] : []),
    ...(opened ? [encodeRecord({ type: 'RoundOpened', opened })] : []),
    ...(entries.length > 0 ? [encodeRecord({ type: 'Durable', entries })] : []),
  ];
  const replaced = await parts.journal.replace(Buffer.concat(records));
  if (!replaced.ok) return err(storeFailed(parts, replaced.error));
  open.assured = true;
  return replaced;
}

function track(
  open: Open,
  entry: Pending['entry'],
  work: Promise<Result<void, DeviceError>>,
): Promise<Result<void, ReplicationError>> {
  const done = work.then((outcome): Result<void, ReplicationError> => {
    if (outcome.ok) return outcome;
    const error = deviceFailed(open.parts, outcome.error);
    open.failed ??= error;
    return err(error);
  });
  open.pending.push({ entry, done });
  // Whoever writes without ever asking for a commit must not fill our memory.
  if (open.pending.length >= pendingMax) void commit(open);
  return done;
}

function same(open: Open, range: Extent): void {
  // Now, not at the commit: by then a later segment may have taken the place of this one.
  const found = open.rereads.of(range);
  const digests = found ? ok(found) : recorded(open, range);
  const entry = (): Result<DurableEntry, ReplicationError> =>
    digests.ok
      ? ok({ ...range, digests: digests.value.every((digest) => digest === 0n) ? 'zero' : digests.value })
      : digests;
  void track(open, entry, Promise.resolve(ok(undefined)));
}

async function zero(open: Open, range: Extent): Promise<Result<void, DeviceError>> {
  const { disk, freshFrom } = open;
  const end = Math.max(range.start, Math.min(extentEnd(range), freshFrom));
  if (end < extentEnd(range)) disk.dropped(extent(end, extentEnd(range) - end));
  if (end === range.start) return ok(undefined);
  const written = extent(range.start, end - range.start);
  const digests = recorded(open, written);
  // Without knowing what was there nothing can be left as it reads.
  return disk.zero(written, digests.ok ? digests.value : new BigUint64Array(blocksIn(written.length)).fill(1n));
}

function recorded({ parts, header }: Open, range: Extent): Result<BigUint64Array, ReplicationError> {
  const { first, end } = blocksOf(range, header.size);
  const digests = parts.digests.get(first, end - first);
  return digests.ok ? digests : err(storeFailed(parts, digests.error));
}

async function reread(open: Open, range: Extent): Promise<Result<BigUint64Array, ReplicationError>> {
  const { parts, header, disk } = open;
  const known = recorded(open, range);
  if (!known.ok) return known;
  const digests = await disk.reread(range, known.value, digestBlockWith(header.digest));
  if (!digests.ok) return err((open.failed ??= deviceFailed(parts, digests.error)));
  open.rereads.keep(range, digests.value);
  return digests;
}

/** One commit at a time, in the order they were asked for. */
function commit(open: Open): Promise<Result<void, ReplicationError>> {
  const batch = open.pending;
  open.pending = [];
  open.committing = open.committing.then((before) => (before.ok ? commitBatch(open, batch) : before));
  return open.committing;
}

async function commitBatch(open: Open, batch: readonly Pending[]): Promise<Result<void, ReplicationError>> {
  const { parts } = open;
  for (const outcome of await Promise.all(batch.map(({ done }) => done))) if (!outcome.ok) return outcome;
  if (open.failed) return err(open.failed);
  if (batch.length === 0) return ok(undefined);
  const flushed = await open.disk.flush();
  if (!flushed.ok) return err((open.failed = deviceFailed(parts, flushed.error)));
  const entries: DurableEntry[] = [];
  for (const { entry } of batch) {
    const made = entry();
    if (!made.ok) return made;
    entries.push(made.value);
  }
  const joined = joinEntries(entries);
  const appended = await parts.journal.append(encodeRecord({ type: 'Durable', entries: joined }));
  if (!appended.ok) return err((open.failed = storeFailed(parts, appended.error)));
  for (const entry of joined) {
    const applied = applyEntry(open, entry);
    if (!applied.ok) return applied;
  }
  return shortenJournal(open);
}

async function shortenJournal(open: Open): Promise<Result<void, ReplicationError>> {
  if (open.parts.journal.length <= journalMax || !open.opened) return ok(undefined);
  return rewriteJournal(open, open.opened, storedEntries(open));
}

async function complete(open: Open, root: string | undefined): Promise<Result<string, ReplicationError>> {
  const { parts, opened } = open;
  const committed = await commit(open);
  if (!committed.ok) return committed;
  const settled = await settleDoubts(open.disk, {
    recorded: (range) => recorded(open, range),
    digestBlock: digestBlockWith(open.header.digest),
    failed: (error) => (open.failed = deviceFailed(parts, error)),
  });
  if (!settled.ok) return settled;
  if (settled.value) return disagree(open, (open.failed = deviceFailed(parts, settled.value)));
  const ours = parts.digests.root();
  if (!ours.ok) return err(storeFailed(parts, ours.error));
  if (root !== undefined && root !== ours.value)
    return disagree(open, { type: 'RootMismatch', source: root, target: ours.value });
  const flushed = parts.digests.flush();
  if (!flushed.ok) return err(storeFailed(parts, flushed.error));
  if (opened) {
    const closed: ClosedRound = { round: opened.round, root: ours.value };
    const appended = await parts.journal.append(encodeRecord({ type: 'RoundClosed', closed }));
    if (!appended.ok) return err(storeFailed(parts, appended.error));
    open.closed = closed;
    open.opened = undefined;
    open.durable = blockSet(open.header.size);
    open.freshFrom = open.header.size;
  }
  return ok(ours.value);
}

/**
 * What is on record is not what is there, as when the file of digests is an older one again. Whoever takes up a rescan looks
 * at all of it: otherwise it would find all of it settled, and end like this for ever.
 */
async function disagree(open: Open, error: ReplicationError): Promise<Result<never, ReplicationError>> {
  if (open.opened?.mode !== 'rescan') return err(error);
  const written = await rewriteJournal(open, open.opened, []);
  if (!written.ok) return err((open.failed = written.error));
  open.durable = blockSet(open.header.size);
  return err(error);
}

async function close(open: Open): Promise<void> {
  await Promise.all(open.pending.map(({ done }) => done));
  await open.committing;
  await open.disk.close();
  open.parts.digests.close();
  await open.parts.journal.close();
}
