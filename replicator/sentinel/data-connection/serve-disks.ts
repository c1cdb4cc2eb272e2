import { diskId } from '#core/ids';
import type { Result } from '#core/result';
import type { GuestStream } from '#replicator/protocol/guest-network';
import type { GuestDiskError } from './data-error.ts';
import { dataHead, extentsMax, readMax, type Answer, type Question } from './data-frame.ts';
import { dataStream, type DataStream, type StreamEnd, type StreamTerms } from './data-stream.ts';
import type { OpenDisks } from './open-disks.ts';

/** How many questions a gateway may have open. Each costs some hundred bytes here; what is read is bounded by its memory. */
export const questionsMax = 64;

/** A data connection, as the guest has it. */
export interface DiskService {
  /** Resolves with why, once it has ended. */
  readonly ended: Promise<StreamEnd>;
  /** Questions that are not answered yet. */
  readonly open: number;
  close(): void;
}

/** Answers what a gateway asks of the guest's disks over `connection`, which it owns from now on, until either side ends it. */
export function serveDisks(connection: GuestStream, disks: OpenDisks, terms: StreamTerms): DiskService {
  let open = 0;
  let onEnd: (end: StreamEnd) => void = () => undefined;
  const ended = new Promise<StreamEnd>((resolve) => (onEnd = resolve));
  const taker = {
    take: (frame: Parameters<typeof isQuestion>[0]): string | undefined => {
      if (frame.type === 'keepalive') return undefined;
      if (!isQuestion(frame)) return 'a gateway asks, and does not answer';
      if (open === questionsMax) return `more than ${questionsMax} questions at a time`;
      open += 1;
      void answer(stream, disks, frame).finally(() => (open -= 1));
      return undefined;
    },
    roomFor: () => 'a gateway asks, and sends no content',
    filled: () => undefined,
  };
  const stream: DataStream = dataStream(connection, taker, onEnd, terms);
  return {
    ended,
    get open() {
      return open;
    },
    close: () => stream.close(),
  };
}

const isQuestion = (frame: Question | Answer | { readonly type: 'keepalive' }): frame is Question =>
  frame.type === 'open' || frame.type === 'read' || frame.type === 'changes';

const zeroes = Buffer.alloc(readMax);

async function answer(stream: DataStream, disks: OpenDisks, question: Question): Promise<void> {
  const { id } = question;
  const disk = diskId(question.disk);
  const said = <T>(result: Result<T, GuestDiskError>, frame: (value: T) => Answer): void =>
    stream.send(result.ok ? frame(result.value) : { type: 'failed', id, json: JSON.stringify(result.error) });
  switch (question.type) {
    case 'open':
      return said(await disks.open(disk), ({ size, blockSize }) => ({ type: 'opened', id, size, blockSize }));
    case 'changes':
      return said(await disks.changes(question.mark, disk, question.range, extentsMax), ({ until, extents }) => ({
        type: 'extents',
        id,
        until,
        extents,
      }));
    case 'read': {
      const piece = await disks.read(disk, question.start, question.length);
      if (!piece.ok) return said(piece, () => ({ type: 'zero', id }));
      const { bytes, release } = piece.value;
      if (!bytes.equals(zeroes.subarray(0, bytes.length)))
        // The memory is lent until the system has taken it: so a gateway that does not read holds no more than all of it.
        return new Promise((resolve) => {
          stream.sendParts([dataHead(id, bytes.length), bytes], () => {
            release();
            resolve();
          });
        });
      release();
      return stream.send({ type: 'zero', id });
    }
  }
}
