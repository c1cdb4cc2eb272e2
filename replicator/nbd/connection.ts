import type { DeviceError } from '#core/disk/block-device';
import { err, ok, type Result } from '#core/result';
import type { Millis } from '#core/units';
import type { ByteStream } from './byte-stream.ts';
import { converse, type Reach } from './conversation.ts';
import type { InFlight } from './in-flight.ts';
import type { NbdError } from './nbd-error.ts';
import type { NegotiatedExport } from './negotiation.ts';
import type { Talk } from './option-exchange.ts';
import { replyParser } from './reply-parser.ts';
import { command, requestHeaderLength, requestMagic } from './wire.ts';

/** Sends requests and settles them. Many may be waiting at once; replies come in any order. */
export interface NbdConnection {
  readonly exported: NegotiatedExport;
  /** Requests sent and not yet settled. */
  readonly waiting: number;
  /** Puts a request on the wire; `data` is the payload of a WRITE. */
  submit(request: InFlight, flags?: number, data?: Uint8Array): void;
  /** Says goodbye and closes. Only when nothing is waiting. */
  finish(): Promise<void>;
  /** Closes now and settles everything that waits with `why`. */
  destroy(why: DeviceError): void;
}

/** Opens an export. `lost` is called at most once: with why the connection cannot be used any more. */
export function openConnection(
  reach: Reach,
  talk: Talk<NegotiatedExport>,
  lost: (why: DeviceError) => void,
): Promise<Result<NbdConnection, NbdError>> {
  return converse(reach, talk, ({ value: exported, rest, stream }) => {
    if (rest.length > 0)
      return err({ type: 'ProtocolViolation', detail: 'the server talks before it was asked anything' });
    return ok(transmission({ exported, stream, lost, stall: reach.timeouts.stall }));
  });
}

interface TransmissionOptions {
  readonly exported: NegotiatedExport;
  readonly stream: ByteStream;
  readonly lost: (why: DeviceError) => void;
  readonly stall: Millis;
}

function transmission({ exported, stream, lost, stall }: TransmissionOptions): NbdConnection {
  const waiting = new Map<number, InFlight>();
  let sequence = 0;
  let over = false;
  const destroy = (why: DeviceError): void => {
    over = true;
    stream.destroy();
    const requests = [...waiting.values()];
    waiting.clear();
    for (const request of requests) request.settle(why);
  };
  const fail = (why: DeviceError): void => {
    if (over) return;
    over = true;
    // The owner first: what is settled below must not be followed by new requests to a dead connection.
    lost(why);
    destroy(why);
  };
  const parser = replyParser(
    {
      find: (high, low) => waiting.get(high * 2 ** 32 + low),
      finish: (high, low, request) => {
        waiting.delete(high * 2 ** 32 + low);
        request.settle(request.failure);
      },
    },
    { structuredReplies: exported.structuredReplies },
  );
  const judge = (fault: string | undefined): void => {
    if (fault !== undefined) fail({ type: 'ProtocolViolation', detail: fault });
  };
  stream.handTo({
    connected: () => undefined,
    feed: (chunk) => judge(parser.feed(chunk)),
    window: () => parser.window(),
    filled: (count) => judge(parser.filled(count)),
    silent: () => {
      // Silence is only wrong while something is owed.
      if (waiting.size > 0) fail({ type: 'ConnectionLost', detail: `the server was silent for ${stall} ms` });
    },
    ended: ({ detail }) => fail({ type: 'ConnectionLost', detail }),
  });
  stream.stallAfter(stall);
  return {
    exported,
    get waiting() {
      return waiting.size;
    },
    submit: (request, flags = 0, data) => {
      sequence += 1;
      waiting.set(sequence, request);
      stream.send(encodeRequest(request, flags, sequence));
      if (data !== undefined) stream.send(data);
    },
    finish: async () => {
      over = true;
      const goodbye = { command: command.disconnect, at: 0, length: 0, failure: undefined, settle: () => undefined };
      stream.send(encodeRequest(goodbye, 0, sequence + 1));
      await stream.finish();
    },
    destroy,
  };
}

function encodeRequest({ command: type, at, length }: InFlight, flags: number, cookie: number): Uint8Array {
  const header = Buffer.allocUnsafe(requestHeaderLength);
  header.writeUInt32BE(requestMagic, 0);
  header.writeUInt16BE(flags, 4);
  header.writeUInt16BE(type, 6);
  header.writeUInt32BE(Math.floor(cookie / 2 ** 32), 8);
  header.writeUInt32BE(cookie % 2 ** 32, 12);
  header.writeUInt32BE(Math.floor(at / 2 ** 32), 16);
  header.writeUInt32BE(at % 2 ** 32, 20);
  header.writeUInt32BE(length, 24);
  return header;
}
