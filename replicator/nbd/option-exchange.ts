import { err, ok, type Result } from '#core/result';
import type { NbdError } from './nbd-error.ts';
import { infoType, optionMagic, optionReply, optionReplyErrorBit, optionReplyMagic, stringMax } from './wire.ts';

/**
 * One option and its replies, as a conversation without I/O: a generator that yields what it needs and is resumed with
 * the bytes it asked for. Straight-line code is what makes the order of the handshake readable.
 */
export type Need =
  /**
   * Resume with exactly `length` bytes, valid until the next yield. `length` never exceeds `optionReplyMax`. `hangUp` is
   * what it means if the peer closes the connection instead, where that means something.
   */
  | { readonly type: 'receive'; readonly length: number; readonly hangUp?: NbdError }
  | { readonly type: 'send'; readonly data: Uint8Array }
  /** Resume once the connection is encrypted. */
  | { readonly type: 'startTls' };

/** A part of the conversation that ends in a `T`. */
export type Talk<T> = Generator<Need, Result<T, NbdError>, Uint8Array>;

/** The longest reply to an option that is taken: a name and a description. A handshake never holds more. */
export const optionReplyMax = 4 + 2 * stringMax;
/** More replies to one option than any honest server sends; a bound on memory and patience. */
export const optionRepliesMax = 4096;

/** The server's no, with its own words cleaned for a terminal. */
export interface OptionRefusal {
  readonly code: number;
  readonly reason: string;
}
/** One reply that is neither the ACK nor an error. */
export type OptionInfo =
  | { readonly type: 'server'; readonly name: string; readonly description: string }
  | { readonly type: 'metaContext'; readonly id: number; readonly name: string }
  | { readonly type: 'export'; readonly size: number; readonly flags: number }
  | { readonly type: 'blockSize'; readonly minimum: number; readonly preferred: number; readonly maximum: number }
  | { readonly type: 'other' };
/** Everything the server had to say to one option. */
export type OptionAnswer =
  | { readonly type: 'acknowledged'; readonly infos: readonly OptionInfo[] }
  | { readonly type: 'refused'; readonly refusal: OptionRefusal };

/** A breach of the protocol during the handshake. */
export const violation = (detail: string) => err({ type: 'ProtocolViolation', detail } as const);

/** Asks for exactly `length` bytes. `hangUp`: see `Need`. */
export function* receive(length: number, hangUp?: NbdError): Generator<Need, Uint8Array, Uint8Array> {
  return yield { type: 'receive', length, ...(hangUp === undefined ? {} : { hangUp }) };
}

/** Sends without waiting for anything. */
export function* send(data: Uint8Array): Generator<Need, void, Uint8Array> {
  yield { type: 'send', data };
}

/** Sends one option and reads its replies up to the ACK or the error. `hangUp`: see `Need`. */
export function* exchange(number: number, data: Uint8Array = nothing, hangUp?: NbdError): Talk<OptionAnswer> {
  yield* send(encodeOption(number, data));
  const infos: OptionInfo[] = [];
  for (;;) {
    const header = viewOf(yield* receive(20, hangUp));
    const magic = header.getBigUint64(0);
    const echoed = header.getUint32(8);
    const type = header.getUint32(12);
    const length = header.getUint32(16);
    if (magic !== optionReplyMagic) return violation(`an option reply starts with 0x${magic.toString(16)}`);
    if (echoed !== number) return violation(`a reply to option ${echoed} came while option ${number} was asked`);
    if (length > optionReplyMax)
      return violation(`an option reply of ${length} bytes is longer than ${optionReplyMax}`);
    const payload = length === 0 ? nothing : yield* receive(length);
    if (type === optionReply.ack)
      return length === 0 ? ok({ type: 'acknowledged', infos }) : violation(`an ACK carries ${length} bytes`);
    if (type >= optionReplyErrorBit) {
      const reason = readable(payload);
      return ok({ type: 'refused', refusal: { code: type, reason: reason === '' ? refusalName(type) : reason } });
    }
    if (infos.length >= optionRepliesMax) return violation(`more than ${optionRepliesMax} replies to option ${number}`);
    const info = decodeInfo(type, payload);
    if (!info.ok) return info;
    infos.push(info.value);
  }
}

const nothing = new Uint8Array(0);

/** One option request. */
export function encodeOption(number: number, data: Uint8Array): Uint8Array {
  const message = new Uint8Array(16 + data.length);
  const view = viewOf(message);
  view.setBigUint64(0, optionMagic);
  view.setUint32(8, number);
  view.setUint32(12, data.length);
  message.set(data, 16);
  return message;
}

/** The data of GO: the name and the one kind of information we want beside what is always sent. */
export function encodeGo(exportName: string): Uint8Array {
  const name = Buffer.from(exportName);
  const data = Buffer.alloc(4 + name.length + 4);
  data.writeUInt32BE(name.length, 0);
  name.copy(data, 4);
  data.writeUInt16BE(1, 4 + name.length);
  data.writeUInt16BE(infoType.blockSize, 6 + name.length);
  return data;
}

/** The data of SET_META_CONTEXT and LIST_META_CONTEXT. */
export function encodeMetaContext(exportName: string, queries: readonly string[]): Uint8Array {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(queries.length);
  return Buffer.concat([encodeString(exportName), count, ...queries.map(encodeString)]);
}

function encodeString(text: string): Uint8Array {
  const encoded = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(encoded.length);
  return Buffer.concat([length, encoded]);
}

function decodeInfo(type: number, payload: Uint8Array): Result<OptionInfo, NbdError> {
  switch (type) {
    case optionReply.server:
      return decodeServer(payload);
    case optionReply.metaContext:
      if (payload.length < 5 || payload.length > 4 + stringMax)
        return violation(`a META_CONTEXT reply has ${payload.length} bytes`);
      return ok({ type: 'metaContext', id: viewOf(payload).getUint32(0), name: decodeUtf8(payload.subarray(4)) });
    case optionReply.info:
      return decodeExportInfo(payload);
    default:
      return violation(`an option reply has the unknown type ${type}`);
  }
}

function decodeServer(payload: Uint8Array): Result<OptionInfo, NbdError> {
  const nameLength = payload.length < 4 ? undefined : viewOf(payload).getUint32(0);
  if (nameLength === undefined || nameLength > stringMax || 4 + nameLength > payload.length)
    return violation(`a SERVER reply of ${payload.length} bytes does not hold its name`);
  const name = decodeUtf8(payload.subarray(4, 4 + nameLength));
  return ok({ type: 'server', name, description: readable(payload.subarray(4 + nameLength)) });
}

function decodeExportInfo(payload: Uint8Array): Result<OptionInfo, NbdError> {
  if (payload.length < 2) return violation(`an INFO reply has ${payload.length} bytes`);
  const view = viewOf(payload);
  switch (view.getUint16(0)) {
    case infoType.export: {
      if (payload.length !== 12) return violation(`the EXPORT information has ${payload.length} bytes and not 12`);
      const size = decodeSize(view.getBigUint64(2));
      return size.ok ? ok({ type: 'export', size: size.value, flags: view.getUint16(10) }) : size;
    }
    case infoType.blockSize:
      if (payload.length !== 14) return violation(`the BLOCK_SIZE information has ${payload.length} bytes and not 14`);
      return ok({
        type: 'blockSize',
        minimum: view.getUint32(2),
        preferred: view.getUint32(6),
        maximum: view.getUint32(10),
      });
    default:
      return ok({ type: 'other' });
  }
}

/** A disk size that a number holds exactly. */
export function decodeSize(size: bigint): Result<number, NbdError> {
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) return violation(`the export claims ${size} bytes, more than any disk`);
  return ok(Number(size));
}

const refusalNames = new Map<number, string>([
  [optionReply.unsupported, 'it does not know this option'],
  [optionReply.policy, 'its policy forbids it'],
  [optionReply.invalid, 'it calls the request invalid'],
  [optionReply.platform, 'its platform cannot do it'],
  [optionReply.tlsRequired, 'it requires TLS'],
  [optionReply.unknown, 'it has no such export'],
  [optionReply.shutdown, 'it is shutting down'],
  [optionReply.blockSizeRequired, 'it requires its block size to be honoured'],
  [optionReply.tooBig, 'it calls the request too big'],
]);
const refusalName = (code: number): string => refusalNames.get(code) ?? `error 0x${code.toString(16)}`;

/** A view over the very bytes of `data`. */
export const viewOf = (data: Uint8Array): DataView => new DataView(data.buffer, data.byteOffset, data.byteLength);

const decodeUtf8 = (data: Uint8Array): string => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();

// Long enough for any honest sentence, short enough for a log line.
const readableMax = 300;

/** A peer's words, safe to print: no control characters, not longer than a log line. */
export function readable(data: Uint8Array): string {
  const text = decodeUtf8(data.subarray(0, 4 * readableMax))
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return text.length > readableMax ? `${text.slice(0, readableMax)}...` : text;
}
