import { join } from 'node:path';
import { xxh64 } from '@node-rs/xxhash';
import { z } from 'zod';
import { err, ok, type Result } from '#core/result';
import { replaceFile, codeOf, detailOf } from '#replicator/disk/durable-file';
import type { Files } from '#replicator/disk/files';
import { nodeFiles } from '#replicator/disk/node-files';
import { pageFile } from '#replicator/disk/page-file';
import { digestStore, type DigestStore } from '#replicator/pipeline/digest-store';
import { blocksOf } from '#replicator/pipeline/block-set';
import { segmentsOf } from '#replicator/pipeline/plan';
import type { ReplicationError, ReplicationJob } from '#replicator/pipeline/replication';
import type { RoundStart } from '#replicator/receiver/replica';
import type { RemoteSink } from './remote-sink.ts';

/*
 * The sender's own record of what it sent.
 *
 * At the end of a round the roots of both sides are compared. For that the sender must know the digests of all blocks,
 * also of those this round does not touch, and from a record of its own: a root computed from the receiver's record
 * would equal it by construction. So a gateway keeps one file of digests per disk, and seals it with the root when a
 * round is complete. A seal that is broken (a crash), missing (another gateway) or of another round means that the
 * record is fetched from the receiver, 8 bytes per 64 KiB, and is the gateway's own from then on.
 */

const sealShape = z.object({
  session: z.string(),
  disk: z.string(),
  target: z.string(),
  size: z.number(),
  round: z.number(),
  root: z.string(),
});

/** The record of one disk, for one round. */
export interface SenderDigests {
  readonly digests: DigestStore;
  /** Marks the record as that of a complete round. */
  seal(root: string): Promise<Result<void, ReplicationError>>;
  close(): void;
}

/** Where the records of a gateway are. */
export interface RecordsPlace {
  readonly directory: string;
  readonly files?: Files;
}

/** Opens the record of a disk as it must be at the start of a round. It is not sealed until it is sealed again. */
export async function openSenderDigests(
  { directory, files = nodeFiles }: RecordsPlace,
  job: ReplicationJob,
  size: number,
  start: Extract<RoundStart, { type: 'Open' }>,
  sink: Pick<RemoteSink, 'recorded'>,
): Promise<Result<SenderDigests, ReplicationError>> {
  const { session, disk, target, round } = job;
  // Sessions and targets may be any text; a digest of them is a file name.
  const name = xxh64(JSON.stringify([session, disk, target]))
    .toString(16)
    .padStart(16, '0');
  const sealPath = join(directory, `${name}.sealed`);
  const unavailable = (detail: string): ReplicationError => ({
    type: 'SourceUnavailable',
    source: directory,
    detail: `the gateway cannot keep its digests: ${detail}`,
  });
  let sealed: z.infer<typeof sealShape> | undefined;
  try {
    await files.mkdir(directory);
    sealed = await readSeal(sealPath, files);
    await files.unlink(sealPath).catch((cause: unknown) => {
      if (codeOf(cause) !== 'ENOENT') throw cause;
    });
  } catch (cause) {
    return err(unavailable(detailOf(cause)));
  }
  const pages = pageFile(join(directory, `${name}.digests`), files);
  if (!pages.ok) return err(unavailable(pages.error.detail));
  const digests = digestStore(size, pages.value);
  const trusted = sealed && isSealOf(sealed, job, size) && isBase(sealed, start);
  if (!trusted) {
    const filled = await refill(digests, size, start, sink, unavailable);
    if (!filled.ok) {
      digests.close();
      return filled;
    }
  }
  return ok({
    digests,
    seal: async (root) => {
      const flushed = digests.flush();
      if (!flushed.ok) return err(unavailable(flushed.error.detail));
      try {
        const content = JSON.stringify({ session, disk, target, size, round, root });
        await replaceFile(sealPath, Buffer.from(content), files);
        return ok(undefined);
      } catch (cause) {
        return err(unavailable(detailOf(cause)));
      }
    },
    close: () => digests.close(),
  });
}

const isSealOf = (seal: z.infer<typeof sealShape>, { session, disk, target }: ReplicationJob, size: number): boolean =>
  seal.session === session && seal.disk === disk && seal.target === target && seal.size === size;

const isBase = (seal: z.infer<typeof sealShape>, { base, resumed }: Extract<RoundStart, { type: 'Open' }>): boolean =>
  !resumed && base !== undefined && seal.round === base.round && seal.root === base.root;

async function readSeal(path: string, files: Files): Promise<z.infer<typeof sealShape> | undefined> {
  try {
    return sealShape.safeParse(JSON.parse(Buffer.from(await files.readFile(path)).toString())).data;
  } catch (cause) {
    // A seal that cannot be read seals nothing; a directory that cannot be read is the caller's to hear of.
    if (cause instanceof SyntaxError || codeOf(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}

async function refill(
  digests: DigestStore,
  size: number,
  start: Extract<RoundStart, { type: 'Open' }>,
  sink: Pick<RemoteSink, 'recorded'>,
  unavailable: (detail: string) => ReplicationError,
): Promise<Result<void, ReplicationError>> {
  const cleared = digests.clear();
  if (!cleared.ok) return err(unavailable(cleared.error.detail));
  // A disk that no round has touched is all zeroes.
  if (!start.base && !start.resumed) return ok(undefined);
  for (const range of segmentsOf(size)) {
    const recorded = await sink.recorded(range);
    if (!recorded.ok) return recorded;
    const put = digests.put(blocksOf(range, size).first, recorded.value);
    if (!put.ok) return err(unavailable(put.error.detail));
  }
  return ok(undefined);
}
