import {
  chunkMagic,
  greetingMagic,
  infoType,
  optionMagic,
  optionReply,
  optionReplyMagic,
  simpleReplyMagic,
} from '#replicator/nbd/wire';

/** What an NBD server writes, for tests that play one. Numbers go out as they are given: wrong ones are welcome. */

/** Bytes from hexadecimal digits; blanks are for the reader, and "..." stands for its own characters. */
export function hex(text: string): Buffer {
  const parts = text
    .split('"')
    .map((part, i) => Buffer.from(i % 2 === 1 ? part : part.replace(/[\s{}]/g, ''), i % 2 === 1 ? 'latin1' : 'hex'));
  return Buffer.concat(parts);
}

const u16 = (...numbers: readonly number[]): Buffer =>
  Buffer.concat(numbers.map((n) => hex(n.toString(16).padStart(4, '0'))));
/** Numbers of four bytes each. */
export const u32 = (...numbers: readonly number[]): Buffer =>
  Buffer.concat(numbers.map((n) => hex(n.toString(16).padStart(8, '0'))));
/** A number of eight bytes. */
export const u64 = (n: number | bigint): Buffer => hex(n.toString(16).padStart(16, '0'));

/** The newstyle greeting with its handshake flags. */
export const greeting = (flags = 3): Buffer => Buffer.concat([u64(greetingMagic), u64(optionMagic), u16(flags)]);
/** One reply to an option. */
export const replyTo = (option: number, type: number, data: Uint8Array = Buffer.alloc(0)): Buffer =>
  Buffer.concat([u64(optionReplyMagic), u32(option, type, data.length), data]);
/** The end of a well-answered option. */
export const ack = (option: number): Buffer => replyTo(option, optionReply.ack);
/** INFO with EXPORT. */
export const exportInfo = (option: number, size: number | bigint, flags: number): Buffer =>
  replyTo(option, optionReply.info, Buffer.concat([u16(infoType.export), u64(size), u16(flags)]));
/** INFO with BLOCK_SIZE. */
export const blockSizeInfo = (option: number, minimum: number, preferred: number, maximum: number): Buffer =>
  replyTo(option, optionReply.info, Buffer.concat([u16(infoType.blockSize), u32(minimum, preferred, maximum)]));
/** META_CONTEXT. */
export const contextInfo = (option: number, id: number, name: string): Buffer =>
  replyTo(option, optionReply.metaContext, Buffer.concat([u32(id), Buffer.from(name)]));
/** SERVER. */
export const serverInfo = (option: number, name: string, description = ''): Buffer =>
  replyTo(option, optionReply.server, Buffer.concat([u32(Buffer.byteLength(name)), Buffer.from(name + description)]));

/** A simple reply, with the data of a READ. */
export const simpleReply = (cookie: number | bigint, error = 0, data: Uint8Array = Buffer.alloc(0)): Buffer =>
  Buffer.concat([u32(simpleReplyMagic, error), u64(cookie), data]);
/** A chunk of a structured reply. */
export const chunk = (
  cookie: number | bigint,
  type: number,
  flags: number,
  data: Uint8Array = Buffer.alloc(0),
): Buffer => Buffer.concat([u32(chunkMagic), u16(flags, type), u64(cookie), u32(data.length), data]);
/** OFFSET_DATA. */
export const dataChunk = (cookie: number | bigint, at: number, data: Uint8Array, flags = 1): Buffer =>
  chunk(cookie, 1, flags, Buffer.concat([u64(at), data]));
/** OFFSET_HOLE. */
export const holeChunk = (cookie: number | bigint, at: number, length: number, flags = 1): Buffer =>
  chunk(cookie, 2, flags, Buffer.concat([u64(at), u32(length)]));
/** BLOCK_STATUS of one context: pairs of length and flags. */
export const statusChunk = (cookie: number | bigint, context: number, pairs: readonly number[], flags = 1): Buffer =>
  chunk(cookie, 5, flags, u32(context, ...pairs));
/** ERROR with a message. */
export const errorChunk = (cookie: number | bigint, error: number, message = '', flags = 1): Buffer =>
  chunk(cookie, 0x8001, flags, Buffer.concat([u32(error), u16(Buffer.byteLength(message)), Buffer.from(message)]));
