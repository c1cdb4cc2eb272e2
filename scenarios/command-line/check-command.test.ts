import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitStatus } from '#core/text/exit-status';
import { loadScenario } from '#scenarios/load';
import { buildCheck, checkedIn } from '#test/support/check-site';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-check-'));
  await buildCheck(folder, ['test/support/planted-world.ts']);
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs `sealift check` over worlds with a planted bug. */
const checked = (words: readonly string[], signal?: AbortSignal) =>
  checkedIn({ folder, world: 'planted-world' }, words, signal);

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
         begin: () => ({ of: () => () => undefined, end: ({ isOver }) => (isOver ? [{ stream: 'wave-x', why: 'it did' }] : []) }) };`,
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
