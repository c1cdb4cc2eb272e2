import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { guestImage, recipeKey } from './build.ts';
import { describeGuestImageError, guestPackages } from './guest-image.ts';
import { guestRecipe } from './recipe.ts';

describe('the guest’s disks', () => {
  let directory: string;
  let cache: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sealift-'));
    cache = join(directory, 'cache');
    vi.stubEnv('PATH', directory);
    vi.spyOn(process, 'getuid').mockReturnValue(0);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    await rm(directory, { recursive: true });
  });
  /** Every program that building takes; the first of them says something and does nothing. */
  const programs = async (first: string): Promise<void> => {
    for (const program of Object.keys(guestPackages)) {
      await writeFile(join(directory, program), `#!/bin/sh\n${program === 'mmdebstrap' ? first : 'exit 1'}\n`);
      await chmod(join(directory, program), 0o755);
    }
  };

  it('come from the cache where they are, and need neither programs nor root', async () => {
    const folder = join(cache, recipeKey(guestRecipe));
    await mkdir(folder, { recursive: true });
    expect(await guestImage({ cache })).toEqual({
      ok: true,
      value: { root: join(folder, 'root.raw'), data: join(folder, 'data.raw') },
    });
  });

  it('are others for another recipe', () => {
    expect(recipeKey({ ...guestRecipe, packages: [...guestRecipe.packages, 'cowsay'] })).not.toBe(
      recipeKey(guestRecipe),
    );
    expect(recipeKey({ ...guestRecipe })).toBe(recipeKey(guestRecipe));
  });

  it('name the program that is missing, and the command that installs all', async () => {
    const built = await guestImage({ cache });
    expect(built).toMatchObject({ error: { type: 'ProgramMissing', program: 'mmdebstrap' } });
    expect(built.ok ? '' : describeGuestImageError(built.error)).toContain(
      'install --yes --no-install-recommends mmdebstrap e2fsprogs fdisk libguestfs-tools qemu-system-x86 qemu-utils',
    );
  });

  it('are not built by anybody but root', async () => {
    await programs('exit 0');
    vi.spyOn(process, 'getuid').mockReturnValue(1000);
    expect(await guestImage({ cache })).toEqual({ ok: false, error: { type: 'NotRoot', cache } });
  });

  it('leave nothing half done behind, and say what failed in its own words', async () => {
    await programs('echo "E: no mirror" >&2; exit 25');
    const steps: string[] = [];
    expect(await guestImage({ cache, onStep: (step) => steps.push(step) })).toEqual({
      ok: false,
      error: { type: 'BuildFailed', step: 'installing Debian', detail: 'E: no mirror' },
    });
    expect(steps).toEqual(['installing Debian']);
    expect(await readdir(cache)).toEqual([]);
  });
});
