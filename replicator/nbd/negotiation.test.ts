import { describe, expect, it } from 'vitest';
import {
  ack,
  blockSizeInfo,
  contextInfo,
  exportInfo,
  greeting,
  hex,
  replyTo,
  serverInfo,
  u64,
} from '#test/support/nbd-wire';
import { handshake, type HandshakeAction } from './handshake.ts';
import { listTalk, openTalk, type NegotiatedExport, type OpenRequest } from './negotiation.ts';
import { optionRepliesMax, optionReplyMax, type Talk } from './option-exchange.ts';

/** Plays a server that says everything at once; what the client would have sent and how it ended. */
function talk<T>(conversation: Talk<T>, said: readonly Uint8Array[], portion = Infinity) {
  const steps = handshake(conversation);
  const actions: HandshakeAction<T>[] = [...steps.feed(new Uint8Array(0))];
  const bytes = Buffer.concat(said);
  for (let at = 0; at < bytes.length; at += Math.min(portion, bytes.length)) {
    actions.push(...steps.feed(bytes.subarray(at, Math.min(bytes.length, at + portion))));
    if (actions.at(-1)?.type === 'startTls') actions.push(...steps.tlsStarted());
  }
  const sent = Buffer.concat(actions.flatMap((action) => (action.type === 'send' ? [action.data] : [])));
  const end = actions.at(-1);
  return {
    sent,
    value: end?.type === 'finished' ? end.value : undefined,
    rest: end?.type === 'finished' ? Buffer.from(end.rest) : undefined,
    error: end?.type === 'failed' ? end.error : undefined,
    hungUp: steps.hungUp(),
  };
}
const open = (said: readonly Uint8Array[], request: Partial<OpenRequest> = {}, portion?: number) =>
  talk(openTalk({ exportName: 'd', tls: false, contexts: [], ...request }), said, portion);
const unsupported = (option: number) => replyTo(option, 0x80000001, Buffer.from('no'));
const agreed = [greeting(), ack(8), contextInfo(10, 0, 'base:allocation'), ack(10)];
const oldWay = (size: number) => Buffer.concat([u64(size), hex('0103')]);

/** Captured from nbdinfo --map against qemu-nbd 7.2. */
const captured = {
  server: [
    hex('4e42444d41474943 49484156454f5054 0003'),
    hex('0003e889045565a9 00000008 00000001 00000000'),
    hex('0003e889045565a9 0000000a 00000004 00000013 00000000 "base:allocation"'),
    hex('0003e889045565a9 0000000a 00000001 00000000'),
    hex('0003e889045565a9 00000007 00000003 0000000e 0003 00000001 00001000 02000000'),
    hex('0003e889045565a9 00000007 00000003 0000000c 0000 0000000000100000 058f'),
    hex('0003e889045565a9 00000007 00000001 00000000'),
  ],
  client: hex(
    '00000003 49484156454f5054 00000008 00000000' +
      '49484156454f5054 0000000a 0000001c 00000001 64 00000001 0000000f "base:allocation"' +
      '49484156454f5054 00000007 00000009 00000001 64 0001 0003',
  ),
};

describe('the handshake', () => {
  it.each([1, 2, 7, Infinity])('says byte for byte what nbdinfo says to qemu-nbd, in portions of %s', (portion) => {
    const { sent, value, rest } = open(captured.server, {}, portion);
    expect(sent.toString('hex')).toBe(captured.client.toString('hex'));
    expect(value).toEqual<NegotiatedExport>({
      size: 1048576,
      flags: 0x058f,
      blockSize: 1,
      preferredBlockSize: 4096,
      payloadMax: 32 * 1024 * 1024,
      structuredReplies: true,
      contexts: new Map([['base:allocation', 0]]),
    });
    expect(rest).toHaveLength(0);
  });

  it('hands on what came after it', () => {
    expect(open([...captured.server, hex('0102')]).rest).toEqual(hex('0102'));
  });

  it('goes by EXPORT_NAME where GO is not known, and keeps the contexts', () => {
    const { sent, value } = open([...agreed, unsupported(7), oldWay(1024)]);
    expect(sent.subarray(-17)).toEqual(hex('49484156454f5054 00000001 00000001 64'));
    expect(value).toMatchObject({ size: 1024, blockSize: 512, contexts: new Map([['base:allocation', 0]]) });
  });

  it('skips the padding that servers without NO_ZEROES send', () => {
    const said = [greeting(1), unsupported(8), unsupported(7), oldWay(1000), Buffer.alloc(124), hex('09')];
    const { sent, value, rest } = open(said);
    expect(sent.subarray(0, 4)).toEqual(hex('00000001'));
    expect(value).toMatchObject({ size: 1000, blockSize: 1, structuredReplies: false, contexts: new Map() });
    expect(rest).toEqual(hex('09'));
  });

  it('asks an old newstyle server for nothing but the export', () => {
    const { sent, value } = open([greeting(0), oldWay(512), Buffer.alloc(124)]);
    expect(sent).toEqual(hex('00000000 49484156454f5054 00000001 00000001 64'));
    expect(value).toMatchObject({ size: 512 });
  });

  it('says that an old server that hangs up has no such export', () => {
    expect(open([greeting(0)]).hungUp).toMatchObject({ type: 'Refused', request: 'the export "d"' });
    expect(open([greeting(3)]).hungUp).toMatchObject({ type: 'ConnectionLost' });
  });

  it('starts all over once TLS is on', () => {
    const withoutGreeting = captured.server.slice(1);
    const { sent, value } = talk(
      openTalk({ exportName: 'd', tls: true, contexts: [] }),
      [greeting(), ack(5)],
      Infinity,
    );
    expect([sent, value]).toEqual([
      Buffer.concat([
        captured.client.subarray(0, 4),
        hex('49484156454f5054 00000005 00000000'),
        captured.client.subarray(4, 20),
      ]),
      undefined,
    ]);
    const steps = handshake(openTalk({ exportName: 'd', tls: true, contexts: [] }));
    steps.feed(greeting());
    expect(steps.feed(ack(5))).toEqual([{ type: 'startTls' }]);
    const restarted = [...steps.tlsStarted(), ...steps.feed(Buffer.concat(withoutGreeting))];
    expect(Buffer.concat(restarted.flatMap((a) => (a.type === 'send' ? [a.data] : [])))).toEqual(
      captured.client.subarray(4),
    );
    expect(restarted.at(-1)).toMatchObject({ type: 'finished', value: { size: 1048576 } });
  });

  it('believes nothing that came in the clear after the server agreed to TLS', () => {
    const steps = handshake(openTalk({ exportName: 'd', tls: true, contexts: [] }));
    steps.feed(greeting());
    const actions = steps.feed(Buffer.concat([ack(5), ack(8)]));
    expect(actions).toMatchObject([
      { type: 'startTls' },
      {
        type: 'failed',
        error: { type: 'ProtocolViolation', detail: '20 bytes came in the clear after the server had agreed to TLS' },
      },
    ]);
    expect(steps.tlsStarted()).toEqual([]);
    expect(steps.feed(ack(8))).toEqual([]);
  });

  it('lists exports', () => {
    const said = [greeting(), serverInfo(3, 'a', 'first'), serverInfo(3, ''), ack(3)];
    const { value, sent } = talk(listTalk({ tls: false }), said);
    expect(value).toEqual([
      { name: 'a', description: 'first' },
      { name: '', description: '' },
    ]);
    expect(sent.subarray(-16)).toEqual(hex('49484156454f5054 00000002 00000000'));
  });
});

describe('a handshake that cannot end well names the reason', () => {
  const unknown = (option: number) => replyTo(option, 0x80000006);
  const tlsRequired = (option: number) => replyTo(option, 0x80000005);
  it.each([
    [
      'another protocol',
      [Buffer.from('SSH-2.0-OpenSSH\r\n')],
      {},
      { type: 'UnsupportedServer', detail: expect.stringContaining('SSH-2.0-') },
    ],
    [
      'oldstyle',
      [hex('4e42444d41474943 0000420281861253')],
      {},
      { type: 'UnsupportedServer', detail: expect.stringContaining('oldstyle') },
    ],
    ['no style', [hex('4e42444d41474943 1111111111111111')], {}, { type: 'UnsupportedServer' }],
    ['TLS required', [greeting(), tlsRequired(8)], {}, { type: 'TlsRequired' }],
    ['TLS required for this export', [...agreed, tlsRequired(7)], {}, { type: 'TlsRequired' }],
    ['no TLS', [greeting(), unsupported(5)], { tls: true }, { type: 'TlsUnavailable', detail: 'no' }],
    ['no TLS on an old server', [greeting(0)], { tls: true }, { type: 'TlsUnavailable' }],
    [
      'no such export',
      [...agreed, unknown(7), serverInfo(3, 'e'), ack(3)],
      {},
      { type: 'ExportNotFound', name: 'd', available: ['e'] },
    ],
    [
      'no such export, and no list',
      [...agreed, unknown(7), replyTo(3, 0x80000002)],
      {},
      { type: 'ExportNotFound', available: undefined },
    ],
    [
      'no such export for contexts',
      [greeting(), ack(8), unknown(10), ack(3)],
      {},
      { type: 'ExportNotFound', available: [] },
    ],
    [
      'refused',
      [...agreed, replyTo(7, 0x80000002, Buffer.from('go\x1b[31m away\n'))],
      {},
      { type: 'Refused', reason: 'go [31m away' },
    ],
    [
      'refused without words',
      [...agreed, replyTo(7, 0x80000007)],
      {},
      { type: 'Refused', reason: 'it is shutting down' },
    ],
    [
      'no such context',
      [...agreed, contextInfo(9, 0, 'x:y'), ack(9)],
      { contexts: ['q:d'] },
      { type: 'ContextNotFound', context: 'q:d', available: ['x:y'] },
    ],
    [
      'no contexts at all',
      [greeting(), unsupported(8)],
      { contexts: ['q:d'] },
      { type: 'ContextNotFound', available: undefined },
    ],
    ['no contexts on an old server', [greeting(0)], { contexts: ['q:d'] }, { type: 'ContextNotFound' }],
  ] as const)('%s', (_, said, request, error) => {
    expect(open(said, request).error).toMatchObject(error);
  });
});

describe('a server that breaks the handshake is disconnected', () => {
  const info = (data: Buffer) => replyTo(7, 3, data);
  it.each([
    [
      'the magic of a reply',
      [greeting(), hex('0003e889045565a8 00000008 00000001 00000000')],
      'starts with 0x3e889045565a8',
    ],
    ['the option of a reply', [greeting(), ack(7)], 'a reply to option 7 came while option 8 was asked'],
    [
      'the length of a reply',
      [greeting(), hex(`0003e889045565a9 00000008 00000004 0000${(optionReplyMax + 1).toString(16)}`)],
      'is longer than 8196',
    ],
    ['an ACK with data', [greeting(), replyTo(8, 1, hex('00'))], 'an ACK carries 1 bytes'],
    ['an unknown reply', [greeting(), replyTo(8, 99)], 'unknown type 99'],
    ['a context that was not asked for', [greeting(), ack(8), contextInfo(10, 1, 'x:y'), ack(10)], 'not asked for'],
    [
      'a context twice',
      [greeting(), ack(8), contextInfo(10, 1, 'base:allocation'), contextInfo(10, 2, 'base:allocation'), ack(10)],
      'or twice',
    ],
    ['a context without a name', [greeting(), ack(8), contextInfo(10, 1, '')], 'META_CONTEXT reply has 4 bytes'],
    ['an export without a size', [...agreed, ack(7)], 'without saying how big'],
    ['an export information too short', [...agreed, info(hex('0000 00'))], 'has 3 bytes and not 12'],
    ['a block size information too short', [...agreed, info(hex('0003 00'))], 'has 3 bytes and not 14'],
    ['an empty information', [...agreed, info(hex(''))], 'an INFO reply has 0 bytes'],
    ['a size beyond belief', [...agreed, exportInfo(7, 2n ** 53n, 1)], 'more than any disk'],
    [
      'a block size that is no power of two',
      [...agreed, blockSizeInfo(7, 1000, 4096, 65536), exportInfo(7, 0, 1), ack(7)],
      'not a power of two',
    ],
    [
      'a block size of zero',
      [...agreed, blockSizeInfo(7, 0, 4096, 65536), exportInfo(7, 0, 1), ack(7)],
      'not a power of two',
    ],
    [
      'a block size beyond 64 KiB',
      [...agreed, blockSizeInfo(7, 131072, 131072, 131072), exportInfo(7, 0, 1), ack(7)],
      'up to 65536',
    ],
    [
      'a size that is no whole number of blocks',
      [...agreed, blockSizeInfo(7, 512, 4096, 65536), exportInfo(7, 700, 1), ack(7)],
      'not a whole number',
    ],
    [
      'a largest request below a block',
      [...agreed, blockSizeInfo(7, 4096, 4096, 512), exportInfo(7, 0, 1), ack(7)],
      'is smaller than a block',
    ],
    [
      'a listed name beyond its reply',
      [...agreed, replyTo(7, 0x80000006), replyTo(3, 2, hex('00000005 61'))],
      'does not hold its name',
    ],
    [
      'two contexts with one id',
      [greeting(), ack(8), contextInfo(10, 1, 'base:allocation'), contextInfo(10, 1, 'q:d'), ack(10)],
      'two contexts have the id 1',
    ],
  ])('%s', (_, said, detail) => {
    const { error } = open(said, { contexts: _.startsWith('two contexts') ? ['q:d'] : [] });
    expect(error).toMatchObject({ type: 'ProtocolViolation', detail: expect.stringContaining(detail) });
  });

  it('a list without end', () => {
    const endless = Array.from({ length: optionRepliesMax + 1 }, () => serverInfo(3, 'x'));
    const { error } = talk(listTalk({ tls: false }), [greeting(), ...endless]);
    expect(error).toMatchObject({
      type: 'ProtocolViolation',
      detail: expect.stringContaining('more than 4096 replies'),
    });
  });
});
