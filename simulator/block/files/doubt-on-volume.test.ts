import { describe, expect, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { diskId } from '#core/ids';
import type { Result } from '#core/result';
import { bytes, instant, round } from '#core/units';
import type { Files } from '#replicator/disk/files';
import { digestBlockWith, digestsOf, grain } from '#replicator/pipeline/digest';
import type { ReplicationError } from '#replicator/pipeline/replication';
import { doubtPathOf, refuseDoubtful } from '#replicator/receiver/doubt-record';
import { openReplicaAt } from '#replicator/receiver/replica-place';
import type { Replica } from '#replicator/receiver/replica';
import { simulatedProcess } from '#simulator/block/process';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from '#test/support/value-of';
import { simulatedVolume } from './volume.ts';

/*
 * A disk whose flushes failed, read again in the same boot: what was lost of it can be read all the same. Each seed loses
 * other writes, and power fails at the end.
 */

const blocks = 4;
const size = blocks * grain;
const target = '/data/disk.raw';
const digestBlock = digestBlockWith('xxh64');
const blockOf = (letter: string): Uint8Array => Buffer.alloc(grain, letter === '.' ? 0 : letter);
const rangeOf = (block: number) => extent(block * grain, grain);

function receiverOn(seed: number) {
  const clock = virtualClock({ turn: () => new Promise((resolve) => setImmediate(resolve)) });
  const volume = simulatedVolume({ rng: seededRng(seed).fork('volume'), clock });
  volume.placeDirectory('/data');
  let receiver = simulatedProcess('receiver');
  let files: Files = volume.files(receiver);
  const opened = (): ReturnType<typeof openReplicaAt> => {
    const place = { target, records: target, session: 'm-1', disk: diskId('vda'), size: bytes(size) };
    return openReplicaAt({ ...place, digest: 'xxh64', overwrite: false, files });
  };
  return {
    volume,
    files: () => files,
    run: <T>(work: () => Promise<T>): Promise<T> => clock.run(work()),
    /** Opens the replica for some work and closes it. */
    during: async <T>(work: (replica: Replica) => Promise<T>): Promise<T> => {
      const replica = valueOf(await opened());
      try {
        return await work(replica);
      } finally {
        await replica.close();
      }
    },
    startAgain: () => {
      receiver.kill();
      receiver = simulatedProcess('receiver');
      files = volume.files(receiver);
    },
    /** What is there of the disk after a power failure: a letter a block. */
    afterPowerLoss: () => {
      volume.crash();
      const content = volume.content(target) ?? new Uint8Array(size);
      return Array.from({ length: blocks }, (_, block) => String.fromCharCode(content[block * grain] || 46)).join('');
    },
  };
}
type Receiver = ReturnType<typeof receiverOn>;

const put = (replica: Replica, block: number, letter: string): Promise<Result<void, ReplicationError>> =>
  letter === '.'
    ? replica.zero(rangeOf(block))
    : replica.write(rangeOf(block).start, digestsOf(blockOf(letter), digestBlock), blockOf(letter));

/** Round 0: all blocks are durable. */
const fullSync = (receiver: Receiver, picture: string): Promise<void> =>
  receiver.during(async (replica) => {
    valueOf(await replica.begin(round(0), 'full', instant(1)));
    for (let block = 0; block < blocks; block += 1) valueOf(await put(replica, block, picture[block] ?? '.'));
    valueOf(await replica.complete(undefined));
  });

/** Writes in round 1, and a flush that fails, perhaps of what is kept beside the disk as well. */
const failedDelta = async (
  receiver: Receiver,
  letter: string,
  of = (path: string): boolean => path === target,
): Promise<void> =>
  receiver.during(async (replica) => {
    valueOf(await replica.begin(round(1), 'changes', instant(2)));
    const heal = receiver.volume.fail('sync', { of });
    valueOf(await put(replica, 1, letter));
    expect(await replica.commit()).toMatchObject({ ok: false });
    heal();
  });

/** Round 1, as a rescan whose source has this on its disk. */
const rescan = (receiver: Receiver, picture: string): Promise<void> =>
  receiver.during(async (replica) => {
    valueOf(await replica.begin(round(1), 'rescan', instant(3)));
    const there = valueOf(await replica.reread(extent(0, size)));
    for (let block = 0; block < blocks; block += 1) {
      const letter = picture[block] ?? '.';
      if (there[block] === digestsOf(blockOf(letter), digestBlock)[0]) replica.same(rangeOf(block));
      else valueOf(await put(replica, block, letter));
    }
    valueOf(await replica.complete(undefined));
  });

const seeds = Array.from({ length: 24 }, (_, seed) => seed);
/** What is there in the end, over all seeds. */
async function ends(work: (receiver: Receiver) => Promise<void>): Promise<readonly string[]> {
  const seen = new Set<string>();
  for (const seed of seeds) {
    const receiver = receiverOn(seed);
    await receiver.run(() => work(receiver));
    seen.add(receiver.afterPowerLoss());
  }
  return [...seen].sort();
}

describe('a target whose flush failed', () => {
  it.each(['x', '.'])('has after a rescan what was read of it when %s was lost', async (written) => {
    const found = await ends(async (receiver) => {
      await fullSync(receiver, 'abcd');
      await failedDelta(receiver, written);
      await rescan(receiver, `a${written}cd`);
    });
    expect(found).toEqual([`a${written}cd`]);
  });

  // The digest on record is that of what is read, and the disk may have what came in between.
  describe.each([
    ['abcd', 'x', 'b'],
    ['a.cd', 'x', '.'],
  ])('of %s, in which %s was replaced by %s in vain', (picture, first, second) => {
    const twice = async (receiver: Receiver, between: () => void = () => undefined): Promise<void> => {
      await fullSync(receiver, picture);
      await failedDelta(receiver, first);
      between();
      await failedDelta(receiver, second);
      between();
    };

    it('is written again by a rescan', async () => {
      const found = await ends(async (receiver) => {
        await twice(receiver);
        await rescan(receiver, picture);
      });
      expect(found).toEqual([picture]);
    });

    it('is written again by a rescan of another process', async () => {
      const found = await ends(async (receiver) => {
        await twice(receiver, () => receiver.startAgain());
        await rescan(receiver, picture);
      });
      expect(found).toEqual([picture]);
    });

    it('is written again by a rescan when nothing could be kept beside it, as long as the process lives', async () => {
      const found = await ends(async (receiver) => {
        await fullSync(receiver, picture);
        for (const letter of [first, second]) await failedDelta(receiver, letter, () => true);
        await rescan(receiver, picture);
      });
      expect(found).toEqual([picture]);
    });

    it('is written again by the delta that is taken up, whether it is sent again or not', async () => {
      for (const sent of [[1], []]) {
        const found = await ends(async (receiver) => {
          await twice(receiver);
          await receiver.during(async (replica) => {
            valueOf(await replica.begin(round(1), 'changes', instant(3)));
            for (const block of sent) valueOf(await put(replica, block, second));
            valueOf(await replica.complete(undefined));
          });
        });
        expect(found, JSON.stringify(sent)).toEqual([picture]);
      }
    });
  });

  it('ends no round that leaves in doubt what it had not before', async () => {
    await ends(async (receiver) => {
      await fullSync(receiver, 'abcd');
      await failedDelta(receiver, 'x');
      await receiver.during(async (replica) => {
        valueOf(await replica.begin(round(1), 'changes', instant(3)));
        expect(await replica.complete(undefined)).toMatchObject({
          ok: false,
          error: { type: 'TargetFailed', error: { type: 'IoError', at: grain, length: grain } },
        });
      });
    });
  });

  it('is compared with nothing until a round is complete, and forgets its doubt then', async () => {
    const receiver = receiverOn(1);
    const refused = (): Promise<ReplicationError | undefined> =>
      refuseDoubtful({ records: target, target, size }, receiver.files());
    await receiver.run(async () => {
      await fullSync(receiver, 'abcd');
      expect(await refused()).toBeUndefined();
      await failedDelta(receiver, 'x');
      expect(await refused()).toMatchObject({ type: 'TargetUnavailable', target });
      receiver.startAgain();
      expect(await refused()).toMatchObject({ type: 'TargetUnavailable', target });
      await rescan(receiver, 'axcd');
      expect(await refused()).toBeUndefined();
    });
    receiver.volume.crash();
    expect(receiver.volume.content(doubtPathOf(target))).toBeUndefined();
  });

  it('is in doubt as a whole if what was kept of its doubt cannot be read', async () => {
    const receiver = receiverOn(1);
    await receiver.run(() => fullSync(receiver, 'abcd'));
    for (const text of ['', '{', '{"format":1,"ranges":[[1,2]]}', '{"format":2,"ranges":[]}']) {
      receiver.volume.place(doubtPathOf(target), Buffer.from(text));
      expect(
        await receiver.run(() => refuseDoubtful({ records: target, target, size }, receiver.files())),
      ).toBeDefined();
    }
    await receiver.run(() => rescan(receiver, 'abcd'));
    expect(receiver.volume.content(doubtPathOf(target))).toBeUndefined();
  });
});
