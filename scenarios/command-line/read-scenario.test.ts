import { describe, expect, it } from 'vitest';
import { err, ok } from '#core/result';
import type { ReadBytes } from './read-bytes.ts';
import { readRehearsal } from './read-scenario.ts';

const scenario = `kind: rehearsal
id: a
title: t
why: w
estate: { file: estate.yaml }
wave: { id: w, window: { opens: 1 h, closes: 2 h } }
`;
const estate = `kind: estate
hosts: [{ name: kvm-1, platform: kvm }]
vms: [{ name: web-1, host: kvm-1, disks: [{ size: 8 GiB }] }]
`;
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
/** As PowerShell 5 writes what is redirected into a file. */
const utf16 = (text: string): Uint8Array =>
  Uint8Array.from([0xff, 0xfe, ...text.split('').flatMap((letter) => [letter.charCodeAt(0), 0])]);
const folder =
  (files: Readonly<Record<string, Uint8Array>>): ReadBytes =>
  async (path) => {
    const found = files[path];
    return found ? ok(found) : err('ENOENT');
  };

describe('reading a scenario', () => {
  it.each([utf8, utf16])('finds its estate file beside it, however its text is written (%#)', async (encoded) => {
    const files = folder({ 'bank/a.yaml': encoded(scenario), 'bank/estate.yaml': encoded(estate) });
    const read = await readRehearsal('bank/a.yaml', 'a test', files);
    expect(read.estate).toEqual({ file: 'bank/estate.yaml', text: estate });
    expect(read.scenario.estate.vms.map(({ name }) => name)).toEqual(['web-1']);
  });

  it('is refused, with the place where the estate file is named, if that is not there', () =>
    expect(readRehearsal('bank/a.yaml', 'a test', folder({ 'bank/a.yaml': utf8(scenario) }))).rejects.toThrow(
      'bank/a.yaml:5:17: estate.file must be the path of an estate file that can be read (ENOENT)',
    ));

  it('is refused if it is not there itself', () =>
    expect(readRehearsal('a.yaml', 'a test', folder({}))).rejects.toThrow('a.yaml cannot be read (ENOENT)'));
});
