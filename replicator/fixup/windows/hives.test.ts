import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RegistryValue } from '#core/ports/windows-guest';
import { needs } from '#test/support/programs';
import { smallHive } from '#test/support/small-hive';
import { valueOf } from '#test/support/value-of';
import { keysText, server2022, system } from '#test/support/windows-samples';
import { hiveState, hiveStateOf } from './hive-header.ts';
import { hiveTree } from './hive-tree.ts';
import { exportKey, mergeText, type LocalHive } from './hivexregedit.ts';
import { readSystem } from './readings.ts';

describe('the header of a hive', () => {
  it('says whether all that was written is in it', () => {
    expect(hiveStateOf(smallHive())).toBe('clean');
    expect(hiveStateOf(smallHive({ isClean: false }))).toBe('unfinished');
    const torn = smallHive();
    torn[40] = 0xff;
    expect(hiveStateOf(torn)).toBe('unfinished');
  });

  it('is no header if it is short or has another signature', () => {
    expect(hiveStateOf(smallHive().subarray(0, 500))).toBe('unknown');
    expect(hiveStateOf(new Uint8Array(4096))).toBe('unknown');
  });
});

const programs = needs('hivexregedit');

describe.skipIf(!programs.available)(programs.title('a hive'), () => {
  let folder = '';
  let hive: LocalHive;
  const merge = async (text: string) => {
    const file = join(folder, 'edit.reg');
    writeFileSync(file, text);
    return mergeText(hive, file);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sealift-hive-'));
    hive = { file: join(folder, 'SYSTEM'), root: system };
    writeFileSync(hive.file, smallHive());
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  it('holds what was merged into it, and is whole after', async () => {
    const values: Readonly<Record<string, RegistryValue>> = {
      Bytes: { type: 'bytes', kind: 3, hex: '01ff0000' },
      Expandable: { type: 'expandable', text: '%SystemRoot%\\x.sys' },
      Number: { type: 'number', number: 3_000_000_000 },
      String: { type: 'string', text: 'Zürich "C:\\x" ☂' },
      Strings: { type: 'strings', texts: ['a', 'b c'] },
      '': { type: 'string', text: 'the default' },
    };
    valueOf(await merge(keysText({ [`${system}\\Some Key\\Below`]: values }, system)));
    expect(valueOf(await hiveTree(hive).values(`${system}\\Some Key\\Below`))).toEqual(values);
    expect(await hiveState(hive.file)).toBe('clean');
  });

  it('is read by names in any case, and tells a key that is not there from an empty one', async () => {
    valueOf(await merge(keysText({ [`${system}\\Select\\Empty`]: {} }, system)));
    const tree = hiveTree(hive);
    expect(valueOf(await tree.values(`${system}\\SELECT\\empty`))).toEqual({});
    expect(valueOf(await tree.values(`${system}\\Select\\Other`))).toBeUndefined();
    expect(valueOf(await tree.values(`${system}\\Nothing\\Below\\It`))).toBeUndefined();
    expect(valueOf(await tree.children(`${system}\\select`))).toEqual(['Empty']);
    expect(valueOf(await tree.children(`${system}\\Nothing`))).toEqual([]);
    expect(valueOf(await tree.children(system))).toEqual(['Select']);
  });

  it('loses a value and a key by text that says they are not there, and nothing else', async () => {
    const key = `${system}\\a`;
    const value: RegistryValue = { type: 'number', number: 1 };
    valueOf(await merge(keysText({ [key]: { x: value, y: value }, [`${key}\\b\\c`]: { z: value } }, system)));
    valueOf(await merge(`[${key}]\n"x"=-\n\n[-${key}\\b]\n`));
    const tree = hiveTree(hive);
    expect(valueOf(await tree.values(key))).toEqual({ y: value });
    expect(valueOf(await tree.children(key))).toEqual([]);
  });

  it('takes text as a whole or not at all', async () => {
    const before = readFileSync(hive.file);
    expect(await merge(`[${system}\\a]\n"x"=dword:00000001\n\n[${system}\\b\\c]\n`)).toMatchObject({
      ok: false,
      error: { type: 'ToolFailed' },
    });
    expect(readFileSync(hive.file).equals(before)).toBe(true);
  });

  it('is read where a plan looks, as it is without a file', async () => {
    valueOf(await merge(keysText(server2022.keys, system)));
    const read = valueOf(await readSystem(hiveTree(hive)));
    expect(read.services).toContain('Spooler');
    expect(read.knownHardware).toEqual(['PCI\\VEN_1000&DEV_0054', 'PCI\\VEN_8086&DEV_10D3']);
    for (const [key, values] of Object.entries(read.keys))
      expect(values, key).toEqual(server2022.keys[key] ?? (values === null ? null : {}));
    expect(read.keys[`${system}\\ControlSet001\\Services\\LSI_SAS\\StartOverride`]).toEqual({
      '0': { type: 'number', number: 3 },
    });
    expect(read.keys[`${system}\\ControlSet001\\Services\\pvscsi`]).toBeNull();
  });

  it('fails to be read if it is broken, and is not taken for an empty one', async () => {
    const file = readFileSync(hive.file);
    file.fill(0xff, 4096 + 32, 4096 + 64);
    writeFileSync(hive.file, file);
    expect(await hiveTree(hive).values(`${system}\\Select`)).toMatchObject({
      ok: false,
      error: { type: 'ToolFailed' },
    });
  });

  it('names the package of a program that is missing', async () => {
    vi.stubEnv('PATH', folder);
    expect(await exportKey(hive, system, 1)).toMatchObject({
      ok: false,
      error: {
        type: 'ToolMissing',
        program: 'hivexregedit',
        remedy: expect.stringContaining('libwin-hivex-perl') as string,
      },
    });
  });
});
