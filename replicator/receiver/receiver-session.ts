import type { Clock } from '#core/clock';
import { extentEnd, type Extent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { bytes, round } from '#core/units';
import type { Files } from '#replicator/disk/files';
import { digestBlockWith, digestsOf, grain, type DigestBlock } from '#replicator/pipeline/digest';
import { segmentLength } from '#replicator/pipeline/plan';
import type { ReplicationError } from '#replicator/pipeline/replication';
import type { Channel, Incoming } from '#replicator/protocol/channel';
import type { Agreement } from '#replicator/protocol/handshake';
import type { Message } from '#replicator/protocol/message';
import { unpack } from '#replicator/protocol/packer';
import { openReplicaAt, readReplicaState } from './replica-place.ts';
import { refuseDoubtful } from './doubt-record.ts';
import type { Replica } from './replica.ts';
import { targetPath } from './target-name.ts';

/*
 * One gateway's connection, at the receiver: one replica, for one round, one comparison or one look.
 *
 * Data is verified where it arrives, written, and acked when a commit has made it durable. While more than a few chunks
 * are being written the connection is not read, so a slow disk holds back the gateway and not our memory.
 */

/** What all sessions of a receiver share. */
export interface ReceiverSite {
  /** The one directory targets are in. */
  readonly directory: string;
  readonly files: Files;
  readonly clock: Clock;
  /** Replicas that connections of this process have open, and how to make one let go. */
  readonly open: Map<string, { readonly session: string; release(): Promise<void> }>;
  readonly log: (line: string) => void;
}

/** Chunks being written at once, over which the connection is paused: 4 MiB keep a disk busy. */
export const writesMax = 8;

interface Session {
  readonly site: ReceiverSite;
  readonly channel: Channel;
  readonly agreement: Agreement;
  replica: Replica | undefined;
  /** Settles when the replica that is being opened is open, or cannot be. */
  opening?: Promise<unknown>;
  digestBlock: DigestBlock;
  writing: number;
  /** Set once something failed: the rest of what arrives is dropped. */
  over: boolean;
}

type Said<Type extends Message['type']> = Extract<Message, { type: Type }>;

/** Serves one connection until it ends. Leaves no replica open. */
export async function receive(site: ReceiverSite, channel: Channel, agreement: Agreement): Promise<void> {
  const session: Session = {
    site,
    channel,
    agreement,
    replica: undefined,
    digestBlock: digestBlockWith(agreement.digest),
    writing: 0,
    over: false,
  };
  // Questions are answered one after the other; data does not wait for them.
  let questions = Promise.resolve();
  await new Promise<void>((resolve) => {
    channel.listen({
      onIncoming: (incoming) => {
        if (session.over) return giveBack(session, incoming);
        if (isBulk(incoming)) return takeBulk(session, incoming);
        questions = questions.then(() => (session.over ? undefined : answer(session, incoming)));
      },
      onEnd: () => resolve(),
    });
  });
  session.over = true;
  await questions;
  await letGo(session);
}

type Bulk = Extract<Incoming, { type: 'data' | 'zero' | 'same' | 'flush' }>;

const isBulk = (incoming: Incoming): incoming is Bulk =>
  incoming.type === 'data' || incoming.type === 'zero' || incoming.type === 'same' || incoming.type === 'flush';

function giveBack({ channel }: Session, incoming: Incoming): void {
  if (incoming.type === 'data') channel.free(incoming.buffer);
}

function fail(session: Session, error: ReplicationError): void {
  if (session.over) return;
  session.over = true;
  session.site.log(`${error.type} on the connection of a ${session.channel.peer}`);
  session.channel.say({ type: 'Failed', error });
}

function takeBulk(session: Session, incoming: Bulk): void {
  const { replica, channel } = session;
  if (!replica) {
    giveBack(session, incoming);
    return channel.refuse('data for no round');
  }
  if (incoming.type === 'flush') {
    void replica.commit().then((committed) => {
      if (session.over) return;
      if (committed.ok) channel.send({ type: 'ack', sequence: incoming.sequence });
      else fail(session, committed.error);
    });
    return;
  }
  if (!isWhole(incoming.range, replica.size)) {
    giveBack(session, incoming);
    return channel.refuse(`a range that is not in whole blocks of a disk of ${replica.size} bytes`);
  }
  if (incoming.type !== 'data') {
    if (incoming.type === 'same') return replica.same(incoming.range);
    return void during(session, replica.zero(incoming.range));
  }
  const data = verified(session, incoming);
  if (!data) {
    giveBack(session, incoming);
    return fail(session, { type: 'DigestMismatch', at: incoming.range });
  }
  void during(session, replica.write(incoming.range.start, incoming.digests, data)).then(() =>
    giveBack(session, incoming),
  );
}

const isWhole = (range: Extent, size: number): boolean => {
  const end = extentEnd(range);
  return range.start % grain === 0 && end <= size && (end % grain === 0 || end === size);
};

/** The bytes of a data frame if they are what their digests say. */
function verified(session: Session, data: Extract<Incoming, { type: 'data' }>): Uint8Array | undefined {
  const unpacked = unpack(data.packing, data.packed, data.range.length);
  if (!unpacked) return undefined;
  const digests = digestsOf(unpacked, session.digestBlock);
  return digests.every((digest, block) => digest === data.digests[block]) ? unpacked : undefined;
}

async function during(session: Session, work: Promise<Result<void, ReplicationError>>): Promise<void> {
  session.writing += 1;
  if (session.writing === writesMax) session.channel.pause(true);
  const done = await work;
  session.writing -= 1;
  if (session.writing === writesMax - 1) session.channel.pause(false);
  if (!done.ok) fail(session, done.error);
}

async function answer(session: Session, incoming: Exclude<Incoming, Bulk>): Promise<void> {
  const { channel } = session;
  const answered = await answerTo(session, incoming);
  if (!answered.ok) fail(session, answered.error);
  else if (answered.value === 'refused') channel.refuse(`${incoming.type} out of turn`);
}

type Answered = Promise<Result<'answered' | 'refused', ReplicationError>>;

async function answerTo(session: Session, incoming: Exclude<Incoming, Bulk>): Answered {
  const { channel, replica } = session;
  if (incoming.type === 'said') return answerSaid(session, incoming.message);
  if (!('range' in incoming) || !replica) return ok('refused');
  const { range } = incoming;
  if (!isWhole(range, replica.size) || range.length > segmentLength) return ok('refused');
  if (incoming.type === 'askSettled') {
    channel.send({ type: 'settled', ranges: replica.settled(range) });
    return ok('answered');
  }
  const digests = incoming.type === 'askDigests' ? await replica.reread(range) : replica.recorded(range);
  if (!digests.ok) return digests;
  channel.send({ type: 'digests', start: range.start, digests: digests.value });
  return ok('answered');
}

async function answerSaid(session: Session, message: Message): Answered {
  switch (message.type) {
    case 'OpenRound':
      return session.replica ? ok('refused') : openRound(session, message);
    case 'OpenCompare':
      return session.replica ? ok('refused') : openCompare(session, message);
    case 'Inspect':
      return inspect(session, message);
    case 'Complete': {
      if (!session.replica) return ok('refused');
      const completed = await session.replica.complete(message.root);
      if (!completed.ok) return completed;
      session.channel.say({ type: 'Completed', root: completed.value });
      return ok('answered');
    }
    default:
      return ok('refused');
  }
}

async function openRound(session: Session, message: Said<'OpenRound'>): Answered {
  const { site, channel } = session;
  const opened = await openTarget(session, message, message.overwrite);
  if (!opened.ok) return opened;
  const started = await opened.value.begin(message.round, message.mode, site.clock.now());
  if (!started.ok) return started;
  site.log(`round ${message.round} of ${message.target} (${message.mode}) for session ${message.session}`);
  channel.say({ type: 'RoundOpened', start: started.value, digest: opened.value.digest });
  return ok('answered');
}

async function openCompare(session: Session, message: Said<'OpenCompare'>): Answered {
  const { site, channel } = session;
  const path = await targetPath(site.directory, message.target, site.files);
  if (!path.ok) return path;
  const state = await readReplicaState(path.value, site.files);
  if (!state.ok) return state;
  // Opening would make one.
  if (!state.value) return err({ type: 'TargetMissing', target: message.target });
  const { target, size } = message;
  const doubtful = await refuseDoubtful({ records: path.value, target, size }, site.files);
  if (doubtful) return err(doubtful);
  const opened = await openTarget(session, message, false);
  if (!opened.ok) return opened;
  channel.say({ type: 'CompareOpened', digest: opened.value.digest });
  return ok('answered');
}

async function openTarget(
  session: Session,
  message: Said<'OpenRound'> | Said<'OpenCompare'>,
  overwrite: boolean,
): Promise<Result<Replica, ReplicationError>> {
  const { site, agreement } = session;
  const path = await targetPath(site.directory, message.target, site.files);
  if (!path.ok) return path;
  // The connection a gateway lost without our noticing still has its replica: the new one takes over from it.
  const holder = site.open.get(path.value);
  if (holder && holder.session !== message.session) {
    return err({ type: 'TargetBusy', target: message.target, owner: `session ${holder.session}` });
  }
  const turn = holder?.release() ?? Promise.resolve();
  let released: Promise<void> | undefined;
  const mine = { session: message.session, release: () => (released ??= releaseSession(session)) };
  site.open.set(path.value, mine);
  await turn;
  if (session.over) return err({ type: 'Cancelled' });
  const { disk, size } = message;
  const opening = openReplicaAt({
    target: path.value,
    records: path.value,
    session: message.session,
    disk,
    size,
    digest: agreement.digest,
    overwrite,
    files: site.files,
  });
  session.opening = opening;
  const replica = await opening;
  if (!replica.ok) {
    if (site.open.get(path.value) === mine) site.open.delete(path.value);
    return replica;
  }
  session.replica = {
    ...replica.value,
    close: async () => {
      await replica.value.close();
      if (site.open.get(path.value) === mine) site.open.delete(path.value);
    },
  };
  session.digestBlock = digestBlockWith(replica.value.digest);
  // Whoever took over meanwhile waits for this replica, and has it closed.
  return session.over ? err({ type: 'Cancelled' }) : ok(session.replica);
}

async function releaseSession(session: Session): Promise<void> {
  session.over = true;
  await session.channel.close();
  await letGo(session);
}

async function letGo(session: Session): Promise<void> {
  // One that is just being opened has its target locked already.
  await session.opening;
  await session.replica?.close();
}

async function inspect(session: Session, message: Said<'Inspect'>): Answered {
  const { site, channel } = session;
  const { target } = message;
  const path = await targetPath(site.directory, target, site.files);
  if (!path.ok) return path;
  const found = await readReplicaState(path.value, site.files);
  if (!found.ok) return found;
  if (!found.value) {
    channel.say({ type: 'Inspected', progress: undefined });
    return ok('answered');
  }
  const { header, closed, opened } = found.value;
  if (header.session !== message.session || header.disk !== message.disk) {
    return err({ type: 'TargetForeign', target, owner: `session ${header.session}, disk ${header.disk}` });
  }
  channel.say({
    type: 'Inspected',
    progress: {
      size: bytes(header.size),
      complete: closed && { round: round(closed.round), root: closed.root },
      open: opened && { round: round(opened.round), mode: opened.mode },
    },
  });
  return ok('answered');
}
