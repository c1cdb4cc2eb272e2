import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { laws } from '#core/laws/laws';
import { canary, nothingChanged } from './controls.ts';
import { applied } from './mutant.ts';
import { mutants } from './mutants.ts';
import { lawIn, seedsIn } from './read-test-report.ts';
import { typeErrors } from './type-errors.ts';
import { troubles } from './verdict.ts';

const all = [...mutants, canary, nothingChanged];

describe('mutants', () => {
  it('still apply, each exactly once', () => {
    const rotten = all.flatMap((mutant) => {
      try {
        const source = readFileSync(mutant.file, 'utf8');
        return applied(source, mutant) === source ? [`mutant ${mutant.id} changes nothing`] : [];
      } catch (error) {
        return [String(error)];
      }
    });
    expect(rotten).toEqual([]);
  });

  it('compile: one that does not is caught by nobody who looks for bugs', { timeout: 120_000 }, () => {
    expect(typeErrors(all)).toEqual([]);
  });

  it('have names of their own, tests that are there, and an incident', () => {
    const ids = all.map(({ id }) => id);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
    expect(all.flatMap(({ tests }) => tests.filter((path) => !existsSync(path)))).toEqual([]);
    const known = new Set(laws.map(({ id }) => id));
    expect(all.filter(({ incident }) => !known.has(incident)).map(({ id }) => id)).toEqual([]);
  });

  it('are enough', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(45);
  });
});

describe('a mutant that does not compile', () => {
  it('is said to', { timeout: 120_000 }, () => {
    const wrong = { ...canary, replace: canary.replace.replace('ok([])', "ok('no facts')") };
    expect(typeErrors([wrong])).toEqual([expect.stringContaining(`${canary.id}: `)]);
  });
});

describe('a run', () => {
  const result = { tried: [], caught: null, worlds: null, seconds: 0 };
  const caught = { catcher: 'tests', law: null, by: 'a test', file: null, seeds: null } as const;

  it('is in trouble when a mutant survives that nobody has explained, and not when somebody has', () => {
    const { survives: _none, ...mutant } = { ...canary, id: 'some', survives: undefined };
    expect(troubles([{ mutant, result: { ...result, id: 'some' } }])).toHaveLength(1);
    const explained = { ...mutant, survives: 'for a reason' };
    expect(troubles([{ mutant: explained, result: { ...result, id: 'some' } }])).toEqual([]);
  });

  it('is in trouble when the canary lives, or when a change that changes nothing is caught', () => {
    expect(troubles([{ mutant: canary, result: { ...result, id: canary.id } }])).toHaveLength(1);
    expect(troubles([{ mutant: nothingChanged, result: { ...result, id: nothingChanged.id, caught } }])).toHaveLength(
      1,
    );
  });

  it('is in trouble when worlds execute what is said to be out of their reach, or never execute the rest', () => {
    const some = { ...canary, id: 'some', survives: 'for a reason' };
    const looked = (reached: number) => ({
      ...{ ...result, id: 'some' },
      worlds: { searched: 9, reached, differed: 0 },
    });
    expect(troubles([{ mutant: some, result: looked(3) }])).toEqual([]);
    expect(troubles([{ mutant: some, result: looked(0) }])).toEqual([
      'some is executed by none of 9 worlds, and nobody has said why',
    ]);
    const away = { ...some, noWorldRuns: 'it is on a real socket' };
    expect(troubles([{ mutant: away, result: looked(0) }])).toEqual([]);
    expect(troubles([{ mutant: away, result: looked(3) }])).toHaveLength(1);
  });

  it('reads the law and the number of draws where a report says them', () => {
    expect(lawIn('L22 unknown-reconciled is broken in 1 stream: ...')).toBe('L22');
    expect(lawIn('is free before the target is connected (L4, L5)')).toBe('L4');
    expect(lawIn('no law at all (say)')).toBeNull();
    expect(seedsIn('Property failed after 17 tests')).toBe(17);
  });

  it('catches the canary, and not a change that changes nothing', { timeout: 120_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sealift-mutants-'));
    try {
      const args = ['test/mutants/run.ts', '--only', canary.id, '--catcher', 'tests', '--json'];
      const { stdout } = await promisify(execFile)(process.execPath, [
        ...['--import', 'tsx', ...args, '--results', join(folder, 'results.json')],
      ]);
      const report = JSON.parse(stdout) as { mutants: readonly { id: string; caught: unknown }[] };
      expect(report.mutants.map(({ id, caught: by }) => [id, by !== null])).toEqual([
        [canary.id, true],
        [nothingChanged.id, false],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
