import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { needs, needsIn } from './programs.ts';

describe('needs', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sealift-programs-'));
    vi.stubEnv('PATH', folder);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  it('finds a program that may be run', () => {
    writeFileSync(join(folder, 'nbdkit'), '', { mode: 0o755 });
    expect(needs('nbdkit')).toMatchObject({ available: true, missing: [] });
    expect(needs('nbdkit').title('a disk')).toBe('a disk');
  });

  it('does not take a file that may not be run, and says so in the title', () => {
    writeFileSync(join(folder, 'nbdkit'), '', { mode: 0o644 });
    const programs = needs('nbdkit', 'nbdcopy');
    expect(programs).toMatchObject({ available: false, missing: ['nbdkit', 'nbdcopy'] });
    expect(programs.title('a disk')).toBe('a disk (needs nbdkit, nbdcopy)');
    expect(needsIn(programs.title('a disk'))).toEqual(['nbdkit', 'nbdcopy']);
  });

  it('takes an upper-case name for an environment variable', () => {
    vi.stubEnv('SEALIFT_EVENTSTOREDB', '');
    expect(needs('SEALIFT_EVENTSTOREDB').available).toBe(false);
    vi.stubEnv('SEALIFT_EVENTSTOREDB', 'esdb://localhost:2113');
    expect(needs('SEALIFT_EVENTSTOREDB').available).toBe(true);
  });

  it('reads no need from a title that has none', () => {
    expect(needsIn('a disk (of 3 GiB)')).toEqual([]);
  });
});
