import { addRun, deviceErrorOf, type InFlight, type StatusRuns } from './in-flight.ts';
import { readable } from './option-exchange.ts';
import {
  chunkFlagDone,
  chunkHeaderLength,
  chunkMagic,
  chunkType,
  chunkTypeErrorBit,
  command,
  simpleReplyLength,
  simpleReplyMagic,
  stringMax,
} from './wire.ts';

/**
 * The transmission phase, receiving side, without I/O.
 *
 * Bytes come in through `feed`, or, to save the copy, straight into memory the parser points at:
 *
 *     headers ........ -> scratch ---parse---> requests settled
 *     READ payload ... -> window() IS the caller's buffer: the kernel's copy is the only one
 *
 * Memory: one scratch of `scratchLength` and one error payload of `carryMax`, whatever the peer sends. Everything else
 * goes where a request of ours asked it to go, and a request takes no more than it asked for.
 */
export interface ReplyParser {
  /** Takes the next bytes. Returns what is wrong with them, after which the parser wants to see no more. */
  feed(chunk: Uint8Array): string | undefined;
  /** Where the next bytes should be put: never empty. Followed by `filled`. */
  window(): Uint8Array;
  /** Says that the first `count` bytes of the last `window` have been filled. Returns as `feed` does. */
  filled(count: number): string | undefined;
  /** How many bytes are kept for the next call: never more than `carryMax`. */
  readonly held: number;
}

/** How the parser finds and finishes requests. */
export interface ReplySink {
  /** The request that a reply belongs to, if there is one. */
  find(cookieHigh: number, cookieLow: number): InFlight | undefined;
  /** The last reply to this request has arrived. It must not be found again. */
  finish(cookieHigh: number, cookieLow: number, request: InFlight): void;
}

/** Where headers land. Large enough for many small replies at once, small enough that little payload lands in it. */
export const scratchLength = 16 * 1024;
/** The largest message kept whole: an error with its text. */
export const carryMax = chunkHeaderLength + 6 + stringMax + 8;
/** More errors than this for one request, and the server only keeps us busy: nothing else bounds their number. */
export const errorsMax = 1024;
/** More descriptors than this in one BLOCK_STATUS reply break the protocol's own limit. */
export const descriptorsMax = 1 << 20;

/** Starts at the first reply of the transmission phase. */
export function replyParser(sink: ReplySink, options: { readonly structuredReplies: boolean }): ReplyParser {
  const carry = new Uint8Array(carryMax);
  const parser: Parser = {
    sink,
    structured: options.structuredReplies,
    carry,
    view: new DataView(carry.buffer),
    carried: 0,
    need: 4,
    stage: 'magic',
    cookieHigh: 0,
    cookieLow: 0,
    last: false,
    payload: 0,
    request: undefined,
    runs: undefined,
    into: carry,
    position: 0,
    end: 0,
    fault: undefined,
  };
  const scratch = new Uint8Array(scratchLength);
  let direct = false;
  return {
    get held() {
      return parser.carried;
    },
    feed: (chunk) => parse(parser, chunk, chunk.length),
    window: () => {
      const left = parser.stage === 'data' && parser.fault === undefined ? parser.end - parser.position : 0;
      // The end of a payload goes through the scratch, so that the next header comes with the same system call.
      direct = left > scratchLength;
      return direct ? parser.into.subarray(parser.position, parser.end) : scratch;
    },
    filled: (count) => {
      if (!direct) return parse(parser, scratch, count);
      parser.position += count;
      return parser.position < parser.end ? parser.fault : (parser.fault ??= endOfData(parser));
    },
  };
}

/** What is being read: a part of fixed length, gathered in `carry`, or (`data`) a payload on its way to its buffer. */
type Stage = 'magic' | 'simple' | 'header' | 'dataOffset' | 'data' | 'hole' | 'context' | 'descriptor' | 'error';

interface Parser {
  readonly sink: ReplySink;
  readonly structured: boolean;
  readonly carry: Uint8Array;
  readonly view: DataView;
  carried: number;
  need: number;
  stage: Stage;
  /** The reply or chunk being read, from its header to its end. */
  cookieHigh: number;
  cookieLow: number;
  last: boolean;
  request: InFlight | undefined;
  /** Bytes of the chunk's payload that are still to come after the part being read. */
  payload: number;
  runs: StatusRuns | undefined;
  /** Where payload goes, from `position` up to `end`. */
  into: Uint8Array;
  position: number;
  end: number;
  fault: string | undefined;
}

type Fault = string | undefined;

function parse(parser: Parser, chunk: Uint8Array, length: number): Fault {
  let from = 0;
  while (from < length && parser.fault === undefined) {
    if (parser.stage === 'data') {
      const taken = Math.min(parser.end - parser.position, length - from);
      parser.into.set(chunk.subarray(from, from + taken), parser.position);
      parser.position += taken;
      from += taken;
      if (parser.position === parser.end) parser.fault = endOfData(parser);
      continue;
    }
    const taken = Math.min(parser.need - parser.carried, length - from);
    // Headers are a few bytes: a loop beats making a view.
    for (let i = 0; i < taken; i++) parser.carry[parser.carried + i] = chunk[from + i] ?? 0;
    parser.carried += taken;
    from += taken;
    if (parser.carried === parser.need) parser.fault = gathered(parser);
  }
  return parser.fault;
}

/** A part of fixed length is complete. */
function gathered(parser: Parser): Fault {
  switch (parser.stage) {
    case 'magic':
      return magic(parser);
    case 'simple':
      return simpleReply(parser);
    case 'header':
      return chunkHeader(parser);
    case 'dataOffset':
      return dataOffset(parser);
    case 'hole':
      return hole(parser);
    case 'context':
      return statusContext(parser);
    case 'descriptor':
      return statusDescriptor(parser);
    case 'error':
      return errorChunk(parser);
    case 'data':
      return undefined;
  }
}

function next(parser: Parser, stage: Stage, need: number): undefined {
  parser.stage = stage;
  parser.need = need;
  parser.carried = 0;
}

function magic(parser: Parser): Fault {
  const found = parser.view.getUint32(0);
  // The rest of the header is gathered behind the magic.
  if (found === simpleReplyMagic) {
    parser.stage = 'simple';
    parser.need = simpleReplyLength;
  } else if (found === chunkMagic && parser.structured) {
    parser.stage = 'header';
    parser.need = chunkHeaderLength;
  } else if (found === chunkMagic) return 'a structured reply came though none were agreed on';
  else return `a reply starts with 0x${found.toString(16).padStart(8, '0')}`;
  return undefined;
}

function findRequest(parser: Parser): Fault {
  parser.cookieHigh = parser.view.getUint32(8);
  parser.cookieLow = parser.view.getUint32(12);
  parser.request = parser.sink.find(parser.cookieHigh, parser.cookieLow);
  return parser.request === undefined ? 'a reply came to a request that is not waiting for one' : undefined;
}

function simpleReply(parser: Parser): Fault {
  const code = parser.view.getUint32(4);
  const fault = findRequest(parser);
  const { request } = parser;
  if (fault !== undefined || request === undefined) return fault;
  parser.last = true;
  if (code !== 0) {
    request.failure ??= deviceErrorOf(code, request, '');
    return endOfChunk(parser);
  }
  if (request.command === command.blockStatus) return 'a BLOCK_STATUS was answered with a simple reply';
  if (request.command !== command.read || request.into === undefined) return endOfChunk(parser);
  if (parser.structured) return 'a READ was answered with a simple reply though structured ones were agreed on';
  return startData(parser, request.into, 0, request.length);
}

function chunkHeader(parser: Parser): Fault {
  const flags = parser.view.getUint16(4);
  const type = parser.view.getUint16(6);
  const length = parser.view.getUint32(16);
  const fault = findRequest(parser);
  const { request } = parser;
  if (fault !== undefined || request === undefined) return fault;
  parser.last = (flags & chunkFlagDone) !== 0;
  parser.payload = length;
  if ((type & chunkTypeErrorBit) !== 0) {
    if (length < 6 || length > carryMax) return `an error chunk has a length of ${length}`;
    return next(parser, 'error', length);
  }
  switch (type) {
    case chunkType.none:
      if (length !== 0) return `an empty chunk has a length of ${length}`;
      return parser.last ? endOfChunk(parser) : 'an empty chunk is not the last';
    case chunkType.offsetData:
      if (request.command !== command.read) return 'data came to a request that is no READ';
      if (length <= 8 || length - 8 > request.length)
        return `a chunk with a length of ${length} answers a READ of ${request.length} bytes`;
      return next(parser, 'dataOffset', 8);
    case chunkType.offsetHole:
      if (request.command !== command.read) return 'a hole came to a request that is no READ';
      return length === 12 ? next(parser, 'hole', 12) : `a hole chunk has a length of ${length}`;
    case chunkType.blockStatus:
      if (request.command !== command.blockStatus) return 'a block status came to a request that did not ask for it';
      if (length < 12 || (length - 4) % 8 !== 0 || length > 4 + 8 * descriptorsMax)
        return `a block status chunk has a length of ${length}`;
      return next(parser, 'context', 4);
    default:
      return `a chunk has the unknown type ${type}`;
  }
}

/** Checks that a chunk of a READ lies within it and brings what has not come before. Returns its place in the buffer. */
function place(parser: Parser, length: number): number | string {
  const { request, view } = parser;
  if (request === undefined) return 'no request';
  const at = view.getUint32(0) * 2 ** 32 + view.getUint32(4);
  const start = at - request.at;
  if (start < 0 || start + length > request.length)
    return `a chunk for ${length} bytes at ${at} is outside the READ of ${request.length} bytes at ${request.at}`;
  const fault = request.coverage?.add(start, start + length);
  return fault === undefined ? start : `the chunks of a READ are faulty: ${fault}`;
}

function dataOffset(parser: Parser): Fault {
  const length = parser.payload - 8;
  const start = place(parser, length);
  if (typeof start === 'string') return start;
  const into = parser.request?.into;
  return into === undefined ? 'no buffer' : startData(parser, into, start, length);
}

function startData(parser: Parser, into: Uint8Array, start: number, length: number): Fault {
  parser.into = into;
  parser.position = start;
  parser.end = start + length;
  next(parser, 'data', 0);
  return length === 0 ? endOfData(parser) : undefined;
}

function endOfData(parser: Parser): Fault {
  parser.into = parser.carry;
  return endOfChunk(parser);
}

function hole(parser: Parser): Fault {
  const length = parser.view.getUint32(8);
  if (length === 0) return 'a hole chunk is empty';
  const start = place(parser, length);
  if (typeof start === 'string') return start;
  parser.request?.into?.fill(0, start, start + length);
  return endOfChunk(parser);
}

function statusContext(parser: Parser): Fault {
  const id = parser.view.getUint32(0);
  const statuses = parser.request?.statuses;
  if (statuses === undefined) return 'no contexts were asked for';
  const runs = statuses.get(id);
  if (runs === undefined) return `a block status came for the context ${id}, which was not agreed on`;
  if (runs.total > 0) return `two block statuses came for the context ${id}`;
  parser.runs = runs;
  parser.payload -= 4;
  return next(parser, 'descriptor', 8);
}

function statusDescriptor(parser: Parser): Fault {
  const { runs, request, view } = parser;
  const length = view.getUint32(0);
  const flags = view.getUint32(4);
  if (runs === undefined || request === undefined) return 'no request';
  if (length === 0) return 'a block status has an empty extent';
  // Only the last extent may reach beyond the request.
  if (runs.total >= request.length) return 'a block status goes on beyond the end of its request';
  addRun(runs, length, flags);
  parser.payload -= 8;
  return parser.payload === 0 ? endOfChunk(parser) : next(parser, 'descriptor', 8);
}

function errorChunk(parser: Parser): Fault {
  const { request, view, carry, payload } = parser;
  if (request === undefined) return 'no request';
  const code = view.getUint32(0);
  const textLength = view.getUint16(4);
  if (6 + textLength > payload) return `an error chunk of ${payload} bytes holds a message of ${textLength}`;
  if (code === 0) return 'an error chunk says that there was no error';
  request.errors = (request.errors ?? 0) + 1;
  if (request.errors > errorsMax) return `more than ${errorsMax} error chunks answer one request`;
  request.failure ??= deviceErrorOf(code, request, readable(carry.subarray(6, 6 + textLength)));
  return endOfChunk(parser);
}

function endOfChunk(parser: Parser): Fault {
  const { request, last, cookieHigh, cookieLow } = parser;
  parser.request = undefined;
  parser.runs = undefined;
  next(parser, 'magic', 4);
  if (!last || request === undefined) return undefined;
  const fault = request.failure === undefined ? missing(request) : undefined;
  if (fault === undefined) parser.sink.finish(cookieHigh, cookieLow, request);
  return fault;
}

/** What a successful request still lacks at its last reply. */
function missing(request: InFlight): Fault {
  if (request.coverage !== undefined && request.coverage.covered !== request.length)
    return `a READ of ${request.length} bytes was answered with ${request.coverage.covered}`;
  for (const [id, { total }] of request.statuses ?? [])
    if (total === 0) return `a BLOCK_STATUS was answered without the context ${id}`;
  return undefined;
}
