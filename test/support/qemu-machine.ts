import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startQemuProcess, type QemuProcess } from '#replicator/connectors/laboratory/qemu-process';

/** A folder for one test, short enough for Unix sockets in it. */
export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'sealift-'));

/** A QEMU started for one test. */
export interface TestMachine extends QemuProcess {
  readonly folder: string;
  readonly qmpSocket: string;
  /** Kills it and removes its folder. */
  dispose(): Promise<void>;
}

/** Starts a QEMU without a guest, with `args` for its disks. Throws when it does not come up. */
export async function startMachine(
  program: 'qemu-system-x86_64' | 'qemu-storage-daemon',
  args: (folder: string) => readonly string[],
  givenFolder?: string,
): Promise<TestMachine> {
  const folder = givenFolder ?? (await temporaryFolder());
  const qmpSocket = join(folder, 'qmp');
  const monitor = [
    ...['--chardev', `socket,path=${qmpSocket},server=on,wait=off,id=monitor`],
    ...(program === 'qemu-storage-daemon'
      ? ['--monitor', 'chardev=monitor']
      : ['-mon', 'chardev=monitor,mode=control']),
  ];
  const bare = ['-accel', 'tcg', '-nodefaults', '-no-user-config', '-display', 'none'];
  const started = await startQemuProcess({
    program,
    qmpSocket,
    args: [...(program === 'qemu-storage-daemon' ? [] : bare), ...args(folder), ...monitor],
  });
  if (!started.ok) throw new Error(started.error);
  return {
    ...started.value,
    folder,
    qmpSocket,
    async dispose() {
      await started.value.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
