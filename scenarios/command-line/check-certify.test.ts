import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitStatus } from '#core/text/exit-status';
import { buildCheck, checkedIn } from '#test/support/check-site';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-certify-'));
  await buildCheck(folder, [
    ...['simulator/block/world/block-world.ts', 'test/support/drifting-world.ts', 'test/support/planted-world.ts'],
  ]);
});
afterAll(() => rm(folder, { recursive: true }));

describe('sealift check --certify', () => {
  it('sees that worlds are the same in another order and in another thread', { timeout: 60_000 }, async () => {
    const { printed, noted, status } = await checkedIn({ folder, world: 'block-world' }, [
      ...['bank-weekend', '--seeds', '3', '--vms', '2', '--certify'],
    ]);
    expect(printed).toEqual([
      expect.stringMatching(/^Every law holds, and everyone came to an end: 3 worlds, [\d,]+ facts$/),
      'Certified: the same happened twice with each of 3 seeds',
    ]);
    expect(noted.filter((line) => line.includes('seeds again'))).toHaveLength(3);
    expect(status).toBe(exitStatus.done);
  });

  it('names the seeds of worlds that are not', async () => {
    const drifting = { folder, world: 'drifting-world' };
    const words = ['bank-weekend', '--seed', '1', '--seeds', '4', '--threads', '1', '--certify'];
    const { printed, status } = await checkedIn(drifting, words);
    expect(printed.at(-1)).toBe('Not certified: not the same happened twice with seed 2, 3; please report it');
    expect(status).toBe(exitStatus.bug);
    const told = await checkedIn(drifting, [...words, '--json']);
    expect(JSON.parse(told.printed[0] ?? '')).toMatchObject({ checked: 4, differing: [2, 3], failed: [] });
    // Nobody who did not ask pays for it.
    const once = await checkedIn(drifting, [...words.slice(0, -1), '--json']);
    expect(JSON.parse(once.printed[0] ?? '')).toMatchObject({ checked: 4, differing: [] });
    expect(once.status).toBe(exitStatus.done);
  });

  it('counts each seed once, and a broken law before everything else', async () => {
    const { printed, status } = await checkedIn({ folder, world: 'planted-world' }, [
      ...['bank-weekend', '--seeds', '20', '--certify', '--no-shrink'],
    ]);
    expect(printed[0]).toMatch(/^\d+ of 20 worlds, 20 facts failed:$/);
    expect(printed.at(-1)).toBe('Certified: the same happened twice with each of 20 seeds');
    expect(status).toBe(exitStatus.lawBroken);
  });

  it('keeps no log', async () => {
    await expect(
      checkedIn({ folder, world: 'planted-world' }, ['bank-weekend', '--seed', '1', '--log', 'x.db', '--certify']),
    ).rejects.toThrow(/--certify keeps no log/);
  });
});
