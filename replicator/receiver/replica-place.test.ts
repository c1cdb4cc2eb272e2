import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { diskId } from '#core/ids';
import { bytes, instant, offset, round } from '#core/units';
import type { BlockingFile, Files } from '#replicator/disk/files';
import { nodeFiles } from '#replicator/disk/node-files';
import { digestBlockWith, digestsOf, grain } from '#replicator/pipeline/digest';
import { valueOf } from '#test/support/value-of';
import { digestsPathOf } from './replica-digests.ts';
import { openReplicaAt } from './replica-place.ts';
import type { Replica } from './replica.ts';

describe('the digests of a replica', () => {
  const size = bytes(4 * grain);
  const content = randomBytes(size);
  const digests = digestsOf(content, digestBlockWith('xxh64'));
  let folder: string;
  let target: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealift-place-'));
    target = join(folder, 'disk.raw');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const opening = (files: Files): ReturnType<typeof openReplicaAt> =>
    openReplicaAt({
      ...{ target, records: target, session: 'm-1', disk: diskId('vda') },
      ...{ size, digest: 'xxh64', overwrite: false, files },
    });
  const open = async (): Promise<Replica> => valueOf(await opening(nodeFiles));
  /** A replica with all of the content durable in round 0. */
  const written = async (end: 'complete' | 'open'): Promise<void> => {
    const replica = await open();
    valueOf(await replica.begin(round(0), 'full', instant(1)));
    valueOf(await replica.write(offset(0), digests, content));
    valueOf(await replica.commit());
    if (end === 'complete') valueOf(await replica.complete(undefined));
    await replica.close();
  };
  const recorded = async (): Promise<BigUint64Array> => {
    const replica = await open();
    const found = valueOf(replica.recorded(extent(0, size)));
    await replica.close();
    return found;
  };

  it('are made again from its disk if their file is not the one that its journal knows', async () => {
    await written('complete');
    const file = digestsPathOf(target);
    const damaged = await readFile(file);
    damaged.writeUInt8(damaged.readUInt8(9) ^ 1, 9);
    await writeFile(file, damaged);
    expect(await recorded()).toEqual(digests);
  });

  it.each(['complete', 'open'] as const)('are made again if their file is gone and its round is %s', async (end) => {
    await written(end);
    await unlink(digestsPathOf(target));
    expect(await recorded()).toEqual(digests);
  });

  it.each(['complete', 'open'] as const)(
    'are made again if whoever made them again did not come to the end of it, and the round is %s',
    async (end) => {
      await written(end);
      await unlink(digestsPathOf(target));
      const full = (path: string): BlockingFile => ({
        ...nodeFiles.openBlocking(path),
        write: () => {
          throw new Error('no room');
        },
      });
      expect(await opening({ ...nodeFiles, openBlocking: full })).toMatchObject({ ok: false });
      expect(await recorded()).toEqual(digests);
    },
  );
});
