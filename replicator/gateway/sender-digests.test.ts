import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { ok } from '#core/result';
import { instant, round } from '#core/units';
import { grain } from '#replicator/pipeline/digest';
import type { ReplicationJob } from '#replicator/pipeline/replication';
import type { RoundStart } from '#replicator/receiver/replica';
import { valueOf } from '#test/support/value-of';
import { openSenderDigests } from './sender-digests.ts';

type Start = Extract<RoundStart, { type: 'Open' }>;

describe('what a gateway remembers of a disk', () => {
  const size = 3 * grain;
  const job = (n: number): ReplicationJob => ({
    ...{ session: 'm-1', disk: diskId('vda'), round: round(n), mode: 'changes', target: 'vda.raw' },
    source: { type: 'file', path: '/vda' },
  });
  const after = (n: number, root: string, changes: Partial<Start> = {}): Start => ({
    ...{ type: 'Open', openedAt: instant(1), resumed: false, base: { round: n, root } },
    ...changes,
  });
  const own = BigUint64Array.of(1n, 2n, 3n);
  const atReceiver = BigUint64Array.of(4n, 5n, 6n);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealift-sender-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const opened = async (n: number, start: Start) =>
    valueOf(
      await openSenderDigests({ directory: folder }, job(n), size, start, { recorded: async () => ok(atReceiver) }),
    );
  /** Round 0 was sent by this gateway, and completed with a root. */
  const sealed = async (root: string): Promise<void> => {
    const record = await opened(0, after(0, '', { base: undefined }));
    valueOf(record.digests.put(0, own));
    valueOf(await record.seal(root));
    record.close();
  };
  const remembered = async (n: number, start: Start): Promise<BigUint64Array> => {
    const record = await opened(n, start);
    const digests = valueOf(record.digests.get(0, 3));
    record.close();
    return digests;
  };

  it('is its own record of the round before, or the roots of both sides would be equal by construction', async () => {
    await sealed('aa');
    expect(await remembered(1, after(0, 'aa'))).toEqual(own);
  });

  it.each([
    ['another gateway has sent half of the round since', after(0, 'aa', { resumed: true })],
    ['the receiver knows the round before by another root', after(0, 'bb')],
    ['another gateway has sent a round in between', after(1, 'aa')],
  ])('is fetched anew where %s', async (_why, start) => {
    await sealed('aa');
    expect(await remembered(2, start)).toEqual(atReceiver);
  });

  it('is fetched anew after a round that was not completed', async () => {
    await sealed('aa');
    (await opened(1, after(0, 'aa'))).close();
    expect(await remembered(1, after(0, 'aa'))).toEqual(atReceiver);
  });
});
