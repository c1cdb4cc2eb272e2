import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { err, ok } from '#core/result';
import { exitStatus } from '#core/text/exit-status';
import { loadScenario } from '#scenarios/load';
import { wallClock } from '#replicator/wall-clock';
import { addCheckCommand } from './check-command.ts';
import { readScenario } from './read-scenario.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-check-'));
  // A thread runs a module of its own, and Node does not load TypeScript.
  await build({
    entryPoints: ['scenarios/command-line/check-worker.ts', 'test/support/planted-world.ts'],
    ...{ outdir: folder, outExtension: { '.js': '.mjs' }, entryNames: '[name]', outbase: '.' },
    ...{ bundle: true, splitting: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'silent' },
  });
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs `sealift check` over worlds with a planted bug: what it printed and noted, and how it ended. */
async function checked(words: readonly string[], signal = new AbortController().signal) {
  const printed: string[] = [];
  const noted: string[] = [];
  let status: number | undefined;
  const log = inMemoryEventLog();
  const program = new Command('sealift').exitOverride().configureOutput({ writeErr: () => undefined });
  addCheckCommand(program, {
    terminal: {
      ...{ isInteractive: false, width: 80, live: () => undefined },
      print: (line) => void printed.push(line),
      note: (line) => void noted.push(line),
    },
    ...{ clock: wallClock, cores: 2, interrupts: () => signal },
    worker: pathToFileURL(join(folder, 'check-worker.mjs')),
    runner: pathToFileURL(join(folder, 'planted-world.mjs')),
    readScenario: (word) =>
      readScenario(word.endsWith('.yaml') ? word : `scenarios/${word}.yaml`, (path) =>
        readFile(path).then(ok, () => err('it is not there')),
      ),
    // It is read once the command has let go of it.
    createLog: () => Promise.resolve({ ...log, close: () => Promise.resolve() }),
    commit: () => Promise.resolve('commit 0123abc'),
    setStatus: (ending) => (status = ending),
  });
  await program.parseAsync(['check', ...words], { from: 'user' });
  return { printed, noted, status, log };
}

describe('sealift check', () => {
  it('finds a planted bug, shrinks it, tells it, saves it, and finds it again in what was saved', async () => {
    const save = join(folder, 'saved');
    const { printed, noted, status } = await checked(['bank-weekend', '--seeds', '20', '--save', save]);
    expect(status).toBe(exitStatus.lawBroken);
    expect(printed[0]).toMatch(/^\d+ of 20 worlds, 20 facts failed:$/);
    expect(printed[1]).toMatch(/^ {2}L5 every-byte-arrives is broken: seeds \d+/);
    expect(printed).toContainEqual(expect.stringMatching(/^A wave of 1 VM:/));
    expect(printed.at(-1)).toMatch(/^See it again with commit 0123abc: sealift check bank-weekend --seed \d+$/);
    expect(noted.filter((line) => line.includes('of 20 seeds'))).toHaveLength(10);
    expect(noted.at(-1)).toMatch(
      /^shrunk in \d+ runs; saved as .*l5-link-cut-tracking-lost\.yaml$|l5-tracking-lost-link-cut\.yaml$/,
    );
    const [name = ''] = await readdir(save);
    const loaded = loadScenario(await readFile(join(save, name), 'utf8'), name);
    expect(loaded).toMatchObject({
      ok: true,
      value: { kind: 'check', broke: 'L5', spec: { vms: [{}], faults: [{}, {}] } },
    });
    const again = await checked([join(save, name), '--no-shrink']);
    expect(again.status).toBe(exitStatus.lawBroken);
    expect(again.printed[0]).toBe('1 of 1 world, 1 fact failed:');
  });

  it('never writes over what was saved before', async () => {
    const save = join(folder, 'twice');
    for (let i = 0; i < 2; i += 1) await checked(['bank-weekend', '--seeds', '20', '--save', save]);
    expect(await readdir(save)).toHaveLength(2);
  });

  it('says in JSON what it says in words', async () => {
    const { printed } = await checked([
      'bank-weekend',
      '--seeds',
      '12',
      '--json',
      '--no-shrink',
      '--coverage',
      '--no-budget',
    ]);
    expect(printed).toHaveLength(1);
    expect(JSON.parse(printed[0] ?? '')).toMatchObject({
      ...{ scenario: 'bank-weekend', first: 1, asked: 12, checked: 12 },
      failed: [{ failure: { type: 'broken', law: 'L5' } }],
      coverage: { exercised: [] },
    });
  });

  it('demands laws of a user, in TypeScript and in JavaScript', async () => {
    const { printed, status } = await checked([
      'bank-weekend',
      '--seed',
      '1',
      '--vms',
      '1',
      '--property',
      'scenarios/properties/downtime-promise.ts',
      '--no-shrink',
    ]);
    expect(printed[0]).toMatch(/world/);
    expect(status).toBeDefined();
    const canary = join(folder, 'canary.mjs');
    await writeFile(
      canary,
      `export const canary = { id: 'L100', slug: 'canary', statement: 'Nothing ever ends.', incident: 'none',
         begin: () => ({ take: () => undefined, end: ({ isOver }) => (isOver ? [{ stream: 'wave-x', why: 'it did' }] : []) }) };`,
    );
    const alarm = await checked([
      'bank-weekend',
      '--seed',
      '1',
      '--property',
      canary,
      '--save',
      join(folder, 'canary'),
    ]);
    expect(alarm.status).toBe(exitStatus.lawBroken);
    expect(alarm.printed).toContain('The law L100 canary: Nothing ever ends.');
    // What fails without anything is shrunk to nothing.
    expect(alarm.printed).toContainEqual(expect.stringMatching(/^A wave of 1 VM:/));
    expect(await readdir(join(folder, 'canary'))).toEqual(['l100-no-fault.yaml']);
  });

  it('keeps the log of one seed', async () => {
    const { noted, log } = await checked(['bank-weekend', '--seed', '3', '--log', 'seed.db', '--no-shrink']);
    expect(noted).toContain('log seed.db; look at it with: sealift replay seed.db --dashboard');
    const kept: string[] = [];
    for await (const { type } of log.readAll()) kept.push(type);
    expect(kept).toEqual(['CutoverApproved']);
  });

  it('ends with what is known when it is stopped', async () => {
    const stop = new AbortController();
    const running = checked(['bank-weekend', '--seeds', '1000000', '--no-shrink'], stop.signal);
    setTimeout(() => stop.abort(), 3_000);
    const { printed, noted, status } = await running;
    expect(printed[0]).toMatch(/of [\d,]+ worlds/);
    expect(noted.at(-1)).toMatch(/^stopped after \d+ of 1000000 seeds$/);
    expect([exitStatus.lawBroken, exitStatus.interrupted]).toContain(status);
  });

  it.each([
    [['laboratory'], /of kind "migration"; sealift check takes one of kind "rehearsal" or "check"/],
    [['bank-weekend', '--log', 'x.db'], /say which with --seed/],
    [['bank-weekend', '--seed', '1', '--property', 'package.json'], /package\.json cannot be loaded|exports no law/],
    [['bank-weekend', '--seed', '1', '--property', 'core/result.ts'], /exports no law/],
    [['bank-weekend', '--seeds', 'many'], /whole number from 1 up/],
  ])('%j is refused in a sentence', async (words, says) => {
    await expect(checked(words)).rejects.toThrow(says);
  });
});
