import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { millis } from '#core/units';
import { folderGuestSystem, liveGuestSystem } from './folder-guest-system.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sealift-guest-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('a guest in a folder', () => {
  it('reads, lists and changes its files, and says nothing of those that are not there', async () => {
    const guest = folderGuestSystem(root);
    expect(await guest.write('/etc/b', 'second\n')).toBeUndefined();
    expect(await guest.write('/etc/a', 'first\n')).toBeUndefined();
    expect(await guest.list('/etc')).toEqual(['a', 'b']);
    expect(await guest.read('/etc/a')).toBe('first\n');
    expect(await guest.replace('/etc/a', 'third\n', 0o600)).toBeUndefined();
    expect(await guest.read('/etc/a')).toBe('third\n');
    expect(await guest.list('/etc')).toEqual(['a', 'b']);
    expect(await guest.remove('/etc/a')).toBeUndefined();
    expect(await guest.remove('/etc/a')).toBeUndefined();
    expect(await guest.read('/etc/a')).toBeUndefined();
    expect(await guest.read('/etc')).toBeUndefined();
    expect(await guest.list('/nowhere')).toEqual([]);
  });

  it('follows links as the guest would, and never out of the folder', async () => {
    await mkdir(join(root, 'etc'));
    await mkdir(join(root, 'usr/lib'), { recursive: true });
    await writeFile(join(root, 'usr/lib/os-release'), 'ID=debian\n');
    await symlink('/usr/lib/os-release', join(root, 'etc/os-release'));
    await symlink('../../../../usr', join(root, 'etc/up'));
    await symlink('/etc/passwd', join(root, 'etc/passwd'));
    const guest = folderGuestSystem(root);
    expect(await guest.read('/etc/os-release')).toBe('ID=debian\n');
    expect(await guest.read('/etc/up/lib/os-release')).toBe('ID=debian\n');
    expect(await guest.read('/../../etc/passwd')).toBeUndefined();
    await guest.write('/etc/up/lib/new', 'here');
    expect(await readFile(join(root, 'usr/lib/new'), 'utf8')).toBe('here');
  });

  it('has no programs but those that are given', async () => {
    const bare = await folderGuestSystem(root).run('lsblk', ['-J']);
    expect(bare).toEqual({ status: null, stdout: '', stderr: 'lsblk: not there' });
    const guest = folderGuestSystem(root, async (program, args) => ({
      status: 0,
      stdout: [program, ...args].join(' '),
      stderr: '',
    }));
    expect((await guest.run('lsblk', ['-J'])).stdout).toBe('lsblk -J');
  });
});

describe('the system of this process', () => {
  const guest = liveGuestSystem();

  it('runs programs with the plain locale and hands them their input', async () => {
    const said = await guest.run('sh', ['-c', 'echo "$LC_ALL"; cat; echo trouble >&2; exit 3'], { input: 'input\n' });
    expect(said).toEqual({ status: 3, stdout: 'C\ninput\n', stderr: 'trouble\n' });
  });

  it('says of a program that is not there that it could not be started', async () => {
    const said = await guest.run('no-such-program-anywhere', []);
    expect(said.status).toBeNull();
    expect(said.stderr).toContain('no-such-program-anywhere');
  });

  it('ends a program that takes too long, with all that it started', async () => {
    const pidFile = join(root, 'pid');
    const script = `sleep 600 & echo $! > ${pidFile}; echo begun; wait`;
    const said = await guest.run('sh', ['-c', script], { timeout: millis(400) });
    expect(said.status).toBeNull();
    expect(said.stderr).toContain('ended after its 400 ms');
    const child = (await readFile(pidFile, 'utf8')).trim();
    // Gone, or dead and not yet collected by its parent.
    await vi.waitFor(async () => {
      const stat = await guest.read(`/proc/${child}/stat`);
      expect(stat === undefined || stat.includes(' Z ')).toBe(true);
    });
  });

  it('ends a program that floods it', async () => {
    const said = await guest.run('sh', ['-c', 'yes']);
    expect(said.status).toBeNull();
    expect(said.stderr).toContain('it said more than');
  });

  it('takes a process that is gone for one that has had its signal', () => {
    expect(guest.signal(2 ** 22 + 1, 'SIGTERM')).toBeUndefined();
  });
});
