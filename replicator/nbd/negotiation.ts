import { err, ok, type Result } from '#core/result';
import { alignDown } from '#core/units';
import type { NbdError } from './nbd-error.ts';
import {
  decodeSize,
  encodeGo,
  encodeMetaContext,
  encodeOption,
  exchange,
  receive,
  send,
  viewOf,
  violation,
  type OptionAnswer,
  type OptionInfo,
  type OptionRefusal,
  type Talk,
} from './option-exchange.ts';
import {
  allocationContext,
  blockSizeDefault,
  greetingMagic,
  handshakeFlag,
  oldstyleMagic,
  option,
  optionMagic,
  optionReply,
  payloadMaxDefault,
} from './wire.ts';

/** What to open, and what it must offer. */
export interface OpenRequest {
  readonly exportName: string;
  readonly tls: boolean;
  /** Contexts without which the export is of no use. `base:allocation` is always tried and never required. */
  readonly contexts: readonly string[];
}

/** What both sides agreed on. */
export interface NegotiatedExport {
  readonly size: number;
  /** The transmission flags as sent. */
  readonly flags: number;
  /** A power of two that divides `size`. */
  readonly blockSize: number;
  readonly preferredBlockSize: number;
  /** The most bytes of one READ or WRITE, a multiple of `blockSize`. */
  readonly payloadMax: number;
  readonly structuredReplies: boolean;
  /** The contexts agreed on, and the ids their replies carry on this connection. */
  readonly contexts: ReadonlyMap<string, number>;
}

/** An export as the server lists it. */
export interface ListedExport {
  readonly name: string;
  readonly description: string;
}

/**
 * The handshake of one connection to one export.
 *
 *     greeting -> [STARTTLS] -> STRUCTURED_REPLY -> SET_META_CONTEXT -> GO, or EXPORT_NAME where GO is not known
 *
 * An old server (newstyle but not fixed) knows EXPORT_NAME only and would hang up at anything else.
 */
export function* openTalk(request: OpenRequest): Talk<NegotiatedExport> {
  const greeted = yield* greet(request.tls);
  if (!greeted.ok) return greeted;
  const { noZeroes } = greeted.value;
  if (!greeted.value.fixed) {
    const missing = request.contexts[0];
    if (missing !== undefined) return err({ type: 'ContextNotFound', context: missing, available: undefined });
    return yield* openByName(request.exportName, noZeroes, { structuredReplies: false, contexts: new Map() });
  }
  const structured = yield* exchange(option.structuredReply, undefined, ifRejected(request.tls));
  if (!structured.ok) return structured;
  if (refusedWith(structured.value, optionReply.tlsRequired)) return err({ type: 'TlsRequired' });
  const structuredReplies = structured.value.type === 'acknowledged';

  const contexts = yield* agreeOnContexts(request, structuredReplies);
  if (!contexts.ok) return contexts;
  const agreed = { structuredReplies, contexts: contexts.value };

  const went = yield* exchange(option.go, encodeGo(request.exportName));
  if (!went.ok) return went;
  if (went.value.type === 'acknowledged') return exportFrom(went.value.infos, agreed);
  if (went.value.refusal.code === optionReply.unsupported)
    return yield* openByName(request.exportName, noZeroes, agreed);
  return yield* exportRefused(request.exportName, went.value.refusal);
}

/** Asks what exports there are and leaves. */
export function* listTalk(request: { readonly tls: boolean }): Talk<readonly ListedExport[]> {
  const greeted = yield* greet(request.tls);
  if (!greeted.ok) return greeted;
  if (!greeted.value.fixed)
    return err({ type: 'UnsupportedServer', detail: 'it is too old (not fixed newstyle) to list its exports' });
  const listed = yield* exchange(option.list, undefined, ifRejected(request.tls));
  if (!listed.ok) return listed;
  yield* abort();
  if (listed.value.type === 'acknowledged') return ok(namesIn(listed.value.infos));
  if (listed.value.refusal.code === optionReply.tlsRequired) return err({ type: 'TlsRequired' });
  return err({ type: 'Refused', request: 'to list its exports', reason: listed.value.refusal.reason });
}

/** TLS 1.3 servers look at our certificate after we think that all is well; hanging up is then how they say no. */
const ifRejected = (tls: boolean): NbdError | undefined =>
  tls
    ? { type: 'TlsFailed', detail: 'the server hung up right after it; it may ask for a client certificate' }
    : undefined;

interface Agreed {
  readonly structuredReplies: boolean;
  readonly contexts: ReadonlyMap<string, number>;
}

function* greet(tls: boolean): Talk<{ readonly fixed: boolean; readonly noZeroes: boolean }> {
  const opening = yield* receive(8);
  if (viewOf(opening).getBigUint64(0) !== greetingMagic)
    return err({
      type: 'UnsupportedServer',
      detail: `it is not an NBD server: it greets with ${JSON.stringify(Buffer.from(opening).toString('latin1'))}`,
    });
  const style = viewOf(yield* receive(8)).getBigUint64(0);
  if (style === oldstyleMagic)
    return err({
      type: 'UnsupportedServer',
      detail: 'it speaks the oldstyle NBD protocol, which is obsolete; start it with newstyle negotiation',
    });
  if (style !== optionMagic)
    return err({
      type: 'UnsupportedServer',
      detail: `it is neither a newstyle nor an oldstyle NBD server (0x${style.toString(16)})`,
    });
  const flags = viewOf(yield* receive(2)).getUint16(0);
  // Only what both sides know: an unknown bit would make the server hang up.
  const shared = flags & (handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes);
  const fixed = (shared & handshakeFlag.fixedNewstyle) !== 0;
  const answer = Buffer.alloc(4);
  answer.writeUInt32BE(shared);
  yield* send(answer);
  if (tls) {
    if (!fixed) return err({ type: 'TlsUnavailable', detail: 'it is too old: not fixed newstyle' });
    const started = yield* exchange(option.startTls);
    if (!started.ok) return started;
    if (started.value.type === 'refused') return err({ type: 'TlsUnavailable', detail: started.value.refusal.reason });
    yield { type: 'startTls' };
  }
  return ok({ fixed, noZeroes: (shared & handshakeFlag.noZeroes) !== 0 });
}

function* agreeOnContexts(request: OpenRequest, structuredReplies: boolean): Talk<ReadonlyMap<string, number>> {
  const agreed = new Map<string, number>();
  const wanted = [...new Set([allocationContext, ...request.contexts])];
  if (structuredReplies) {
    const answer = yield* exchange(option.setMetaContext, encodeMetaContext(request.exportName, wanted));
    if (!answer.ok) return answer;
    if (refusedWith(answer.value, optionReply.unknown))
      return yield* exportRefused(request.exportName, answer.value.refusal);
    for (const info of answer.value.type === 'acknowledged' ? answer.value.infos : []) {
      if (info.type !== 'metaContext') return violation(`SET_META_CONTEXT was answered with ${info.type}`);
      if (!wanted.includes(info.name) || agreed.has(info.name))
        return violation(`the context ${JSON.stringify(info.name)} was agreed on but not asked for, or twice`);
      if ([...agreed.values()].includes(info.id)) return violation(`two contexts have the id ${info.id}`);
      agreed.set(info.name, info.id);
    }
  }
  const missing = request.contexts.find((context) => !agreed.has(context));
  if (missing === undefined) return ok(agreed);
  return yield* contextMissing(request.exportName, missing, structuredReplies);
}

/** Before leaving, finds out what there is: the person who mistyped a name can then pick one. */
function* contextMissing(exportName: string, context: string, structuredReplies: boolean): Talk<never> {
  if (!structuredReplies) {
    yield* abort();
    return err({ type: 'ContextNotFound', context, available: undefined });
  }
  const listed = yield* exchange(option.listMetaContext, encodeMetaContext(exportName, []));
  if (!listed.ok) return listed;
  yield* abort();
  const available =
    listed.value.type === 'acknowledged'
      ? listed.value.infos.flatMap((info) => (info.type === 'metaContext' ? [info.name] : []))
      : undefined;
  return err({ type: 'ContextNotFound', context, available });
}

function* exportRefused(exportName: string, refusal: OptionRefusal): Talk<never> {
  if (refusal.code === optionReply.tlsRequired) return err({ type: 'TlsRequired' });
  if (refusal.code !== optionReply.unknown) {
    yield* abort();
    return err({ type: 'Refused', request: `the export ${JSON.stringify(exportName)}`, reason: refusal.reason });
  }
  const listed = yield* exchange(option.list);
  if (!listed.ok) return listed;
  yield* abort();
  const available =
    listed.value.type === 'acknowledged' ? namesIn(listed.value.infos).map(({ name }) => name) : undefined;
  return err({ type: 'ExportNotFound', name: exportName, available });
}

function exportFrom(infos: readonly OptionInfo[], agreed: Agreed): Result<NegotiatedExport, NbdError> {
  const described = infos.findLast((info) => info.type === 'export');
  if (described === undefined) return violation('GO was acknowledged without saying how big the export is');
  const limits = infos.findLast((info) => info.type === 'blockSize');
  return negotiated(described.size, described.flags, limits, agreed);
}

/** The old way in. The only way the server has to say no is to hang up. */
function* openByName(exportName: string, noZeroes: boolean, agreed: Agreed): Talk<NegotiatedExport> {
  yield* send(encodeOption(option.exportName, Buffer.from(exportName)));
  const request = `the export ${JSON.stringify(exportName)}`;
  const reason = 'it hung up, as old servers do when they have no such export or require TLS';
  const reply = viewOf(yield* receive(10, { type: 'Refused', request, reason }));
  const size = decodeSize(reply.getBigUint64(0));
  const flags = reply.getUint16(8);
  if (!noZeroes) yield* receive(124);
  return size.ok ? negotiated(size.value, flags, undefined, agreed) : size;
}

function negotiated(
  size: number,
  flags: number,
  limits: Extract<OptionInfo, { type: 'blockSize' }> | undefined,
  agreed: Agreed,
): Result<NegotiatedExport, NbdError> {
  // Servers that advertise nothing take any address, or 512-byte sectors; the larger grain suits both.
  const blockSize = limits?.minimum ?? (size % blockSizeDefault === 0 ? blockSizeDefault : 1);
  if (!isPowerOfTwo(blockSize) || blockSize > blockSizeMax)
    return violation(`the block size ${blockSize} is not a power of two up to ${blockSizeMax}`);
  if (size % blockSize !== 0)
    return violation(`the export has ${size} bytes, which is not a whole number of its blocks of ${blockSize}`);
  if (limits !== undefined && limits.maximum < blockSize)
    return violation(`the largest request, ${limits.maximum}, is smaller than a block of ${blockSize}`);
  return ok({
    size,
    flags,
    blockSize,
    preferredBlockSize: Math.max(blockSize, limits?.preferred ?? 4096),
    payloadMax: alignDown(Math.min(limits?.maximum ?? payloadMaxDefault, payloadMaxDefault), blockSize),
    ...agreed,
  });
}

// The protocol's own limit for the minimum block size.
const blockSizeMax = 65536;
const isPowerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0;

const refusedWith = (answer: OptionAnswer, code: number): answer is Extract<OptionAnswer, { type: 'refused' }> =>
  answer.type === 'refused' && answer.refusal.code === code;
const namesIn = (infos: readonly OptionInfo[]): readonly ListedExport[] =>
  infos.flatMap((info) => (info.type === 'server' ? [{ name: info.name, description: info.description }] : []));

/** A polite goodbye. The answer, if any, is not waited for. */
function* abort() {
  yield* send(encodeOption(option.abort, new Uint8Array(0)));
}
