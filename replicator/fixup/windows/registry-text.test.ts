import { describe, expect, it } from 'vitest';
import type { RegistryValue } from '#core/ports/windows-guest';
import { valueOf } from '#test/support/value-of';
import { isSameValue, parseRegistryText, registryText, type KeyState } from './registry-text.ts';

const key = 'HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\x';
const withValues = (values: Readonly<Record<string, RegistryValue | undefined>>): KeyState => ({
  key,
  values: new Map(Object.entries(values)),
});
const read = (text: string): readonly KeyState[] => valueOf(parseRegistryText(text));
const utf16 = (text: string): string =>
  [...Buffer.from(text, 'utf16le')].map((byte) => byte.toString(16).padStart(2, '0')).join(',');

/** Each form in the words regedit and hivexregedit have for it, and as it is written here. */
const forms: readonly (readonly [string, RegistryValue, string?])[] = [
  ['dword:0000000A', { type: 'number', number: 10 }, 'dword:0000000a'],
  ['dword:ffffffff', { type: 'number', number: 4294967295 }],
  ['hex(4):0a,00,00,00', { type: 'number', number: 10 }, 'dword:0000000a'],
  ['"C:\\\\a \\"b\\""', { type: 'string', text: 'C:\\a "b"' }],
  [`hex(1):${utf16('plain\0')}`, { type: 'string', text: 'plain' }, '"plain"'],
  ['str(1):"plain"', { type: 'string', text: 'plain' }, '"plain"'],
  [`hex(1):${utf16('Zürich ☂\0')}`, { type: 'string', text: 'Zürich ☂' }],
  ['hex(1):', { type: 'string', text: '' }, '""'],
  [`hex(2):${utf16('%SystemRoot%\\x.sys\0')}`, { type: 'expandable', text: '%SystemRoot%\\x.sys' }],
  ['str(2):"%SystemRoot%"', { type: 'expandable', text: '%SystemRoot%' }, `hex(2):${utf16('%SystemRoot%\0')}`],
  [`hex(7):${utf16('a\0b\0\0')}`, { type: 'strings', texts: ['a', 'b'] }],
  [`hex(7):${utf16('\0')}`, { type: 'strings', texts: [] }],
  ['hex:01,ff,00,00', { type: 'bytes', kind: 3, hex: '01ff0000' }],
  ['hex(3):01,FF', { type: 'bytes', kind: 3, hex: '01ff' }, 'hex:01,ff'],
  ['hex(b):01,00,00,00,00,00,00,00', { type: 'bytes', kind: 11, hex: '0100000000000000' }],
  ['hex(4):0a,00', { type: 'bytes', kind: 4, hex: '0a00' }],
  // Half a letter, and a string with another one behind its end: no text would give them back.
  ['hex(1):61,00,62', { type: 'bytes', kind: 1, hex: '610062' }],
  [`hex(1):${utf16('a\0b\0')}`, { type: 'bytes', kind: 1, hex: '6100000062000000' }],
];

describe('registry text', () => {
  const cases = forms.map(([text, value, written = text]) => ({ text, value, written }));
  it.each(cases)('reads $text, and writes it so that it is read again', ({ text, value, written }) => {
    expect(read(`[${key}]\n"v"=${text}\n`)).toEqual([withValues({ v: value })]);
    expect(registryText([withValues({ v: value })])).toBe(`[${key}]\n"v"=${written}\n`);
    expect(read(registryText([withValues({ v: value })]))).toEqual([withValues({ v: value })]);
  });

  it('reads what is not there, the default value, and names with marks in them', () => {
    expect(
      read(
        `Windows Registry Editor Version 5.00\r\n\r\n; a comment\r\n[${key}]\r\n"v"=-\r\n@="d"\r\n"\\\\DosDevices\\\\\\"C:"=dword:1\r\n\r\n[-${key}\\y]\r\n`,
      ),
    ).toEqual([
      withValues({
        v: undefined,
        '': { type: 'string', text: 'd' },
        '\\DosDevices\\"C:': { type: 'number', number: 1 },
      }),
      { key: `${key}\\y`, isAbsent: true },
    ]);
  });

  it('reads data that regedit broke into lines', () => {
    expect(read(`[${key}]\n"v"=hex:01,02,\\\r\n  03,\\\n  04\n`)).toEqual([
      withValues({ v: { type: 'bytes', kind: 3, hex: '01020304' } }),
    ]);
  });

  it('is written with an empty line between keys, and is the same again', () => {
    const text = `[${key}]\n@="d"\n"v"=-\n\n[-${key}\\y]\n`;
    expect(registryText(read(text))).toBe(text);
  });

  it.each([
    ['"v"=dword:1\n', 'is no line of a registry text here'],
    [`[-${key}]\n"v"=dword:1\n`, 'is no line of a registry text here'],
    [`[${key}]\nv=1\n`, '"v=1" is no line'],
    [`[${key}]\n"v"=dword:x\n`, 'v: "dword:x" is no value'],
    [`[${key}]\n"v"=hex:0\n`, 'v: "hex:0" is no value'],
    [`[${key}]\n@=str(7):"a"\n`, 'the default value: 7 is no kind of string'],
  ])('refuses %j', (text, error) => {
    expect(parseRegistryText(text)).toMatchObject({ ok: false, error: expect.stringContaining(error) as string });
  });

  it('tells values apart by kind and content', () => {
    const number: RegistryValue = { type: 'number', number: 1 };
    expect(isSameValue(number, { type: 'number', number: 1 })).toBe(true);
    expect(isSameValue(number, { type: 'number', number: 2 })).toBe(false);
    expect(isSameValue(number, undefined)).toBe(false);
    expect(isSameValue(undefined, undefined)).toBe(true);
    expect(isSameValue({ type: 'string', text: 'a' }, { type: 'expandable', text: 'a' })).toBe(false);
  });
});
