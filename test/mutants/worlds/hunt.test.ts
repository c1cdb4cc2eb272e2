import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canary, nothingChanged } from '#test/mutants/controls';
import type { Mutant } from '#test/mutants/mutant';
import { hunt, type HuntTerms } from './hunt.ts';
import { searchedWorlds } from './searched-worlds.ts';
import { untouchedWorlds, type UntouchedWorlds } from './untouched-worlds.ts';
import { worldBundler, type WorldBundler } from './world-bundle.ts';

const hangs: Mutant = { ...canary, id: 'hangs', replace: canary.replace.replace('return ok([]);', 'for (;;);') };
const elsewhere: Mutant = { ...canary, id: 'elsewhere', file: 'core/forecast/elsewhere.ts' };
const worldOf = searchedWorlds(2);
const terms: HuntTerms = { seed: 1, seeds: 1, withinMs: 90_000, signal: new AbortController().signal };

describe('the search for a mutant in worlds', { timeout: 240_000 }, () => {
  let folder = '';
  let bundler: WorldBundler;
  let untouched: UntouchedWorlds;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sealift-hunt-'));
    bundler = await worldBundler();
    const mutants = [canary, nothingChanged, hangs];
    untouched = await untouchedWorlds(bundler, {
      mutants,
      worldOf,
      path: join(folder, 'worlds.json'),
      withinMs: 90_000,
    });
  }, 120_000);
  afterAll(async () => {
    await untouched.close();
    await bundler.close();
    rmSync(folder, { recursive: true });
  });

  it('finds the canary in its first world, and not a change that changes nothing', async () => {
    expect(await hunt(canary, { bundler, untouched, worldOf }, terms)).toMatchObject({
      ...{ searched: 1, reached: 1 },
      caught: { catcher: 'worlds', seeds: 1, by: expect.stringContaining('crashed') as unknown },
    });
    expect(await hunt(nothingChanged, { bundler, untouched, worldOf }, terms)).toEqual({
      ...{ searched: 1, reached: 1, differed: 0 },
      caught: undefined,
    });
  });

  it('finds what hangs, and runs nothing for what no world executes', async () => {
    expect(await hunt(hangs, { bundler, untouched, worldOf }, { ...terms, withinMs: 3_000 })).toMatchObject({
      caught: { by: 'it never came to an end' },
    });
    expect(await hunt(elsewhere, { bundler, untouched, worldOf }, terms)).toEqual({
      ...{ searched: 1, reached: 0, differed: 0 },
      caught: undefined,
    });
  });

  it('remembers what worlds came to without any mutant', async () => {
    const world = await untouched.of(1);
    expect(world).toMatchObject({ failures: [], reached: [canary.id, hangs.id, nothingChanged.id] });
    const kept = JSON.parse(readFileSync(join(folder, 'worlds.json'), 'utf8')) as { worlds: Record<string, unknown> };
    expect(kept.worlds).toEqual({ 1: world });
  });
});
