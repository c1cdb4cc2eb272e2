import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentBuild, agentBytesMax, agentEntry } from './agent-build.ts';

let folder: string;
let imported: readonly string[];
const agent = (): string => join(folder, 'sentinel.mjs');
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-agent-'));
  const define = { sealiftVersion: '"1.2.3"' };
  const built = await build({
    ...{ ...agentBuild, entryPoints: [agentEntry], outfile: agent(), define, metafile: true },
  });
  imported = Object.values(built.metafile.outputs).flatMap((output) =>
    output.imports.filter(({ external }) => external).map(({ path }) => path),
  );
});
afterAll(() => rm(folder, { recursive: true }));

describe('the agent as one file', () => {
  it('has no more bytes than a guest is asked for', async () => {
    expect((await stat(agent())).size).toBeLessThanOrEqual(agentBytesMax);
  });

  it('imports nothing but modules of Node itself', () => {
    expect(imported.length).toBeGreaterThan(5);
    expect(imported.filter((path) => !path.startsWith('node:') || !isBuiltin(path))).toEqual([]);
  });

  it('runs by itself, says its version, and what it does not understand', () => {
    const run = (...words: readonly string[]) => spawnSync(process.execPath, [agent(), ...words], { encoding: 'utf8' });
    expect(run('version')).toMatchObject({ status: 0, stdout: '1.2.3\n' });
    expect(run('dance').stderr).toMatch(/^sealift-sentinel: use: .*\n$/);
    expect(run('run', '--config', join(folder, 'nowhere'), '--status', join(folder, 'status.json'))).toMatchObject({
      ...{ status: 3, stdout: '' },
      stderr: `sealift-sentinel: ${join(folder, 'nowhere', 'sentinel.json')} cannot be used: it is not there; install a bundle of the gateway\n`,
    });
  });
});
