import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeNbdError } from './nbd-error.ts';
import { formatNbdUri, parseNbdUri, type NbdUri } from './uri.ts';

const parsed = (uri: string) => {
  const result = parseNbdUri(uri);
  return result.ok ? result.value : describeNbdError(result.error);
};

describe('an NBD URI', () => {
  it.each<[string, NbdUri]>([
    ['nbd://h', { address: { type: 'tcp', host: 'h', port: 10809 }, tls: false, exportName: '' }],
    ['nbd://h/', { address: { type: 'tcp', host: 'h', port: 10809 }, tls: false, exportName: '' }],
    ['nbd://h:1234/a', { address: { type: 'tcp', host: 'h', port: 1234 }, tls: false, exportName: 'a' }],
    ['NBD://10.0.0.1:/a/b', { address: { type: 'tcp', host: '10.0.0.1', port: 10809 }, tls: false, exportName: 'a/b' }],
    ['nbd:///a', { address: { type: 'tcp', host: 'localhost', port: 10809 }, tls: false, exportName: 'a' }],
    ['nbd://h//a/../b', { address: { type: 'tcp', host: 'h', port: 10809 }, tls: false, exportName: '/a/../b' }],
    ['nbd://[::1]/x', { address: { type: 'tcp', host: '::1', port: 10809 }, tls: false, exportName: 'x' }],
    [
      'nbd://[fe80::1%25eth0]:7/',
      { address: { type: 'tcp', host: 'fe80::1%eth0', port: 7 }, tls: false, exportName: '' },
    ],
    ['nbds://h/%C3%A4%23', { address: { type: 'tcp', host: 'h', port: 10809 }, tls: true, exportName: 'ä#' }],
    [
      'nbds://h/x?tls-certificates=/etc/pki%20x',
      { address: { type: 'tcp', host: 'h', port: 10809 }, tls: true, tlsCertificates: '/etc/pki x', exportName: 'x' },
    ],
    ['nbd+unix:///vda?socket=/run/s', { address: { type: 'unix', path: '/run/s' }, tls: false, exportName: 'vda' }],
    ['nbd+unix://?socket=s', { address: { type: 'unix', path: 's' }, tls: false, exportName: '' }],
    [
      'nbds+unix:///?tls-certificates=c&socket=/s',
      { address: { type: 'unix', path: '/s' }, tls: true, tlsCertificates: 'c', exportName: '' },
    ],
  ])('%s is taken apart', (uri, expected) => {
    expect(parsed(uri)).toEqual(expected);
  });

  it.each([
    ['disk.raw', 'not of the form scheme://'],
    ['http://h/x', 'the scheme http is not nbd'],
    ['nbd://h/x#y', 'write %23 for a # in a name'],
    ['nbd://h/%zz', 'broken % sequence'],
    [`nbd://h/${'n'.repeat(4097)}`, 'has 4097 bytes and may have 4096'],
    ['nbd://h:0/', 'the port 0 is not between 1 and 65535'],
    ['nbd://h:65536/', 'the port 65536 is not between 1 and 65535'],
    ['nbd://h:x/', 'is not host, host:port, [IPv6] or [IPv6]:port'],
    ['nbd://::1/', 'is not host, host:port, [IPv6] or [IPv6]:port'],
    ['nbd://a%20b/', 'is not a host'],
    ['nbd://alice@h/', 'pre-shared key'],
    ['nbd://h/x?socket=/s', 'socket=PATH needs the scheme nbd+unix'],
    ['nbd://h/x?tls-certificates=d', 'needs nbds;'],
    ['nbd+unix:///x?socket=/s&tls-certificates=d', 'needs nbds+unix;'],
    ['nbds://h/x?tls-certificates=', 'names no folder'],
    ['nbds://h/x?tls-psk-file=f', 'use certificates'],
    ['nbd+unix:///x', 'socket=PATH is missing'],
    ['nbd+unix:///x?socket=', 'socket=PATH is missing'],
    ['nbd+unix://x?socket=/s', 'write three slashes'],
    ['nbd+unix:///x?socket=/s&socket=/t', 'socket is given twice'],
    ['nbd+unix:///x?socket=/%zz', 'the value of socket has a broken % sequence'],
    ['nbd+unix:///x?socket=/a%00b', 'has a NUL'],
    [`nbd+unix:///x?socket=/${'s'.repeat(107)}`, 'has 108 bytes and may have 107'],
    ['nbd+unix:///x?Socket=/s', '"Socket" is not socket or tls-certificates'],
  ])('%s is refused, and the sentence says why', (uri, why) => {
    expect(parsed(uri)).toContain(why);
  });

  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((s) => !s.includes('\0'));
  const uris: fc.Arbitrary<NbdUri> = fc.record({
    address: fc.oneof(
      fc.record({
        type: fc.constant('tcp' as const),
        host: fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()),
        port: fc.integer({ min: 1, max: 65535 }),
      }),
      fc.record({ type: fc.constant('unix' as const), path: text }),
    ),
    tls: fc.constant(true),
    tlsCertificates: text,
    exportName: text,
  });

  it('is written so that parsing it gives the same again', () => {
    fc.assert(
      fc.property(uris, (uri) => {
        expect(parsed(formatNbdUri(uri))).toEqual(uri);
      }),
    );
  });

  it('is never a reason to throw, whatever the text', () => {
    const pieces = fc.constantFrom(
      'nbd',
      's',
      '+unix',
      '://',
      '/',
      '?',
      'socket=',
      '&',
      '%',
      '[',
      ']',
      ':',
      '@',
      '#',
      'a',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(texts, (uri) => {
        expect(['string', 'object']).toContain(typeof parsed(uri));
      }),
    );
  });
});
