import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { needs } from '#test/support/programs';
import { valueOf } from '#test/support/value-of';
import { askVm, endVm, pidOf, startVm, vmFolder, type VmFolder } from './kept-vm.ts';
import { plugAndRemember, rememberedLinks, rememberLinks } from './links.ts';

const programs = needs('qemu-system-x86_64');
const machine = ['-machine', 'none'];

describe('a kept VM', () => {
  let directory: string;
  let folder: VmFolder;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sealift-'));
    folder = vmFolder(directory);
  });
  afterEach(async () => {
    await endVm(folder);
    await rm(directory, { recursive: true });
  });

  it('is not another process that has its number now, and that one is left alone', async () => {
    const other = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(other, 'spawn');
    await writeFile(folder.pid, `${other.pid}\n`);
    expect(await pidOf(folder)).toBeUndefined();
    valueOf(await endVm(folder));
    expect(other.exitCode ?? other.signalCode).toBeNull();
    other.kill();
    await once(other, 'exit');
  });

  it('is refused where its sockets cannot be', async () => {
    const deep = vmFolder(join(directory, 'x'.repeat(100)));
    expect(await startVm('qemu-system-x86_64', deep, machine)).toMatchObject({
      error: expect.stringContaining('longer than 107 bytes'),
    });
  });

  it('is never written down as less connected than it may be', async () => {
    const unreachable = (state: 'disconnected' | 'connected') => plugAndRemember(directory, { folder, nics: 1, state });
    await rememberLinks(directory, 'disconnected');
    expect(await unreachable('connected')).toMatchObject({ error: { type: 'ConnectFailed' } });
    expect(await rememberedLinks(directory)).toBe('connected');
    expect(await unreachable('disconnected')).toMatchObject({ error: { type: 'ConnectFailed' } });
    expect(await rememberedLinks(directory)).toBe('connected');
  });

  describe.skipIf(!programs.available)(programs.title('of a real QEMU'), () => {
    it('is started once, and is over when it was killed', async () => {
      const both = await Promise.all([1, 2].map(() => startVm('qemu-system-x86_64', folder, machine)));
      expect(both.filter(({ ok }) => ok)).toHaveLength(1);
      expect(both.find(({ ok }) => !ok)).toMatchObject({ error: expect.stringContaining('PID file') });
      const pid = await pidOf(folder);
      expect(valueOf(await askVm(folder, 'query-status'))).toMatchObject({ running: false });
      process.kill(pid ?? 0, 'SIGKILL');
      valueOf(await endVm(folder));
      expect(await pidOf(folder)).toBeUndefined();
      await expect(access(folder.pid)).rejects.toThrow('ENOENT');
      valueOf(await startVm('qemu-system-x86_64', folder, machine));
      expect(await pidOf(folder)).not.toBe(pid);
    });

    it('ends although its monitor does not answer', async () => {
      valueOf(await startVm('qemu-system-x86_64', folder, machine));
      await rm(folder.monitor);
      const ended = endVm(folder);
      valueOf(await ended);
      expect(await pidOf(folder)).toBeUndefined();
    });
  });
});
