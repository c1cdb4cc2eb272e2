import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesContract } from '#test/contract/files.contract';
import { nodeFiles } from './node-files.ts';

const temporary = (): Promise<string> => mkdtemp(join(tmpdir(), 'sealift-files-'));

filesContract('this machine', async () => {
  const folder = await temporary();
  return { files: nodeFiles, folder, run: (work) => work, dispose: () => rm(folder, { recursive: true }) };
});

describe('files of this machine', () => {
  it('are for their owner alone, unless told otherwise', async () => {
    const folder = await temporary();
    for (const [name, mode] of [['private', undefined] as const, ['public', 0o644] as const]) {
      await (await nodeFiles.open(join(folder, name), 'create', mode)).close();
      expect((await stat(join(folder, name))).mode & 0o777).toBe(mode ?? 0o600);
    }
    nodeFiles.openBlocking(join(folder, 'pages')).close();
    expect((await stat(join(folder, 'pages'))).mode & 0o777).toBe(0o600);
    await rm(folder, { recursive: true });
  });
});
