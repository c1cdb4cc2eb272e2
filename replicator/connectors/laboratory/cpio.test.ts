import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { needs } from '#test/support/programs';
import { cpioArchive } from './cpio.ts';

const archive = cpioArchive([
  { type: 'directory', path: 'bin' },
  { type: 'file', path: 'bin/run', content: Buffer.from('#!/bin/sh\n'), executable: true },
  { type: 'file', path: 'odd', content: Buffer.from('123') },
  { type: 'symlink', path: 'bin/again', target: 'run' },
]);

describe('cpioArchive', () => {
  it('writes the newc header the kernel expects, padded to four bytes', () => {
    expect(Buffer.from(archive.subarray(0, 6)).toString()).toBe('070701');
    expect(archive.length % 4).toBe(0);
    expect(Buffer.from(archive).toString('latin1')).toContain('TRAILER!!!');
  });

  it('is the same for the same entries', () => {
    const entries = [{ type: 'directory', path: 'a' }] as const;
    expect(cpioArchive(entries)).toEqual(cpioArchive(entries));
  });

  const programs = needs('busybox');
  it.skipIf(!programs.available)(programs.title('is read back by another implementation'), () => {
    const listing = execFileSync('busybox', ['cpio', '-tv'], { input: archive, encoding: 'utf8', stdio: 'pipe' });
    const [directory, script, odd, link] = listing.split('\n');
    expect(directory).toMatch(/^drwxr-xr-x .* bin$/);
    expect(script).toMatch(/^-rwxr-xr-x .* 10 .* bin\/run$/);
    expect(odd).toMatch(/^-rw-r--r-- .* 3 .* odd$/);
    expect(link).toMatch(/^lrwxrwxrwx .* bin\/again -> run$/);
  });
});
