/**
 * The numbers of the NBD protocol, with the names its specification gives them, and our own bounds on what a peer may
 * send. Everything on the wire is big endian.
 *
 * Source: NetworkBlockDevice/nbd, doc/proto.md.
 */

/** The longest string the protocol allows (export names, contexts, messages), in bytes. */
export const stringMax = 4096;

/** Opens every server greeting: "NBDMAGIC". */
export const greetingMagic = 0x4e42444d41474943n;
/** Follows in a newstyle greeting and opens every option: "IHAVEOPT". */
export const optionMagic = 0x49484156454f5054n;
/** Follows in an oldstyle greeting, which has no negotiation at all. */
export const oldstyleMagic = 0x00420281861253n;
/** Opens every option reply. */
export const optionReplyMagic = 0x0003e889045565a9n;
/** Opens every request. */
export const requestMagic = 0x25609513;
/** Opens a simple reply. */
export const simpleReplyMagic = 0x67446698;
/** Opens a structured reply chunk. */
export const chunkMagic = 0x668e33ef;

export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const option = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  unsupported: 0x80000001,
  policy: 0x80000002,
  invalid: 0x80000003,
  platform: 0x80000004,
  tlsRequired: 0x80000005,
  unknown: 0x80000006,
  shutdown: 0x80000007,
  blockSizeRequired: 0x80000008,
  tooBig: 0x80000009,
} as const;

/** Every option reply with this bit is an error. */
export const optionReplyErrorBit = 0x80000000;

export const infoType = { export: 0, blockSize: 3 } as const;

export const transmissionFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
  canMultiConn: 1 << 8,
} as const;

export const command = { read: 0, write: 1, disconnect: 2, flush: 3, writeZeroes: 6, blockStatus: 7 } as const;
/** One of `command`. */
export type Command = (typeof command)[keyof typeof command];

export const commandFlag = { fua: 1, noHole: 2 } as const;

export const chunkFlagDone = 1;
export const chunkType = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;
/** Every chunk type with this bit is an error, known or not. */
export const chunkTypeErrorBit = 0x8000;

export const errno = {
  permission: 1,
  io: 5,
  noMemory: 12,
  invalid: 22,
  noSpace: 28,
  overflow: 75,
  notSupported: 95,
  shutdown: 108,
} as const;

/** Bits of the context `base:allocation`. */
export const allocationFlag = { hole: 1, zero: 2 } as const;
/** Bit of the contexts `qemu:dirty-bitmap:NAME`. */
export const dirtyFlag = 1;
/** The context that tells data from zeroes. */
export const allocationContext = 'base:allocation';

export const requestHeaderLength = 28;
export const simpleReplyLength = 16;
export const chunkHeaderLength = 20;

/** What a peer that advertises no limits surely takes in one READ or WRITE. */
export const payloadMaxDefault = 32 * 1024 * 1024;
/** The grain a peer that advertises none surely takes. */
export const blockSizeDefault = 512;
