import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '#test/support/programs';
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

  it('uses nothing that the oldest Node of a guest does not have', async () => {
    expect(newerThan18(await readFile(agent(), 'utf8'))).toEqual([]);
  });

  it.each([
    ['[2,1].toSorted()', '.toSorted('],
    ['let{promise:p}=Promise.withResolvers()', 'Promise.withResolvers'],
    ['import{availableParallelism as a,cpus}from"node:os"', 'os: availableParallelism'],
    ["import { parseArgs } from 'node:util';", 'util: parseArgs'],
    ['import x,{hash}from"node:crypto"', 'crypto: hash'],
    ['new Map().values().map(f)', '.values().map('],
    ['import.meta.dirname', 'import.meta.dirname'],
  ])('which would be noticed of %s', (code, found) => expect(newerThan18(code)).toEqual([found]));

  const oldest = process.env['NODE18'];
  it.skipIf(oldest === undefined)(needs('NODE18').title('runs on a Node 18'), () => {
    const run = (...words: readonly string[]) =>
      spawnSync(oldest ?? 'no Node', [agent(), ...words], { encoding: 'utf8', env: process.env });
    expect(run('version')).toMatchObject({ status: 0, stdout: '1.2.3\n', stderr: '' });
    expect(run('run', '--config', join(folder, 'nowhere')).stderr).toContain('it is not there; install a bundle');
  });

  it('runs by itself, says its version, and what it does not understand', () => {
    const run = (...words: readonly string[]) => spawnSync(process.execPath, [agent(), ...words], { encoding: 'utf8' });
    expect(run('version')).toMatchObject({ status: 0, stdout: '1.2.3\n' });
    for (const words of [['dance'], ['run', 'version'], ['run', '--config'], ['run', '--force', 'x'], []])
      expect(run(...words)).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/^sealift-sentinel: use: .*\n$/),
      });
    expect(run('run', '--config', join(folder, 'nowhere'), '--status', join(folder, 'status.json'))).toMatchObject({
      ...{ status: 3, stdout: '' },
      stderr: `sealift-sentinel: ${join(folder, 'nowhere', 'sentinel.json')} cannot be used: it is not there; install a bundle of the gateway\n`,
    });
  });
});

/** What came to JavaScript after Node 18.0, by how it reads. */
const newerCode = [
  /\.(?:toSorted|toReversed|toSpliced|isWellFormed|toWellFormed|isSubsetOf|isSupersetOf|isDisjointFrom)\(/,
  /\.(?:symmetricDifference|transferToFixedLength|getOrInsert|getOrInsertComputed)\(/,
  // Methods of iterators came with Node 22.
  /\.(?:values|keys|entries)\(\)\.(?:map|filter|flatMap|take|drop|reduce|toArray|forEach|some|every|find)\(/,
  /\b(?:Promise\.(?:withResolvers|try)|Array\.fromAsync|(?:Object|Map)\.groupBy|RegExp\.escape|Error\.isError)\b/,
  /\b(?:AbortSignal\.any|import\.meta\.(?:dirname|filename|resolve|main)|Symbol\.(?:asyncDispose|dispose))\b/,
  /\bprocess\.(?:getBuiltinModule|loadEnvFile|availableMemory|constrainedMemory|features\.require_module|finalization)\b/,
  /\b(?:WebSocket|EventSource|CloseEvent|CustomEvent|PerformanceResourceTiming|Iterator|Float16Array)\b(?=[.(])/,
] as const;

/** What modules of Node have had since then. */
const newerNames: Readonly<Record<string, readonly string[]>> = {
  buffer: ['File', 'isAscii', 'isUtf8'],
  child_process: [],
  crypto: ['hash', 'argon2', 'argon2Sync', 'encapsulate', 'decapsulate'],
  events: ['addAbortListener', 'getMaxListeners'],
  fs: ['glob', 'globSync', 'openAsBlob', 'statfs', 'statfsSync', 'mkdtempDisposableSync'],
  'fs/promises': ['constants', 'glob', 'statfs', 'mkdtempDisposable'],
  module: ['register', 'registerHooks', 'findPackageJSON', 'enableCompileCache', 'stripTypeScriptTypes'],
  net: ['getDefaultAutoSelectFamily', 'setDefaultAutoSelectFamily'],
  os: ['availableParallelism', 'machine'],
  path: ['matchesGlob'],
  process: ['getBuiltinModule', 'loadEnvFile', 'availableMemory', 'constrainedMemory'],
  stream: ['duplexPair', 'getDefaultHighWaterMark', 'setDefaultHighWaterMark'],
  tls: ['getCACertificates', 'setDefaultCACertificates'],
  url: ['fileURLToPathBuffer'],
  util: [
    ...['parseArgs', 'styleText', 'parseEnv', 'getCallSite', 'getCallSites', 'MIMEType', 'MIMEParams', 'aborted'],
    ...['transferableAbortSignal', 'transferableAbortController', 'getSystemErrorMessage', 'diff'],
  ],
  zlib: ['crc32', 'createZstdCompress', 'createZstdDecompress', 'zstdCompress', 'zstdDecompress'],
};

function newerThan18(code: string): readonly string[] {
  const found = newerCode.flatMap((sign) => sign.exec(code)?.[0] ?? []);
  for (const [, names = '', module = ''] of code.matchAll(
    /import\s*(?:[\w$]+\s*,\s*)?\{([^}]*)\}\s*from\s*["']node:([\w/]+)["']/g,
  ))
    for (const name of names.split(',').map((each) => each.trim().split(/\s+as\s+/)[0] ?? ''))
      if (newerNames[module]?.includes(name)) found.push(`${module}: ${name}`);
  return found;
}
