import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diskId, type DiskId } from '#core/ids';
import { MiB, seconds } from '#core/units';
import { kvmHypervisor } from '#replicator/connectors/kvm/kvm-hypervisor';
import { connectQmp, type QmpClient } from '#replicator/qmp/client';
import type { JsonObject } from '#replicator/qmp/message';
import { startMachine, temporaryFolder, type TestMachine } from './qemu-machine.ts';
import type { GuestWrite, SourceWorld } from './source-world.ts';
import { valueOf } from './value-of.ts';

/** A real QEMU as the world of the contract, with a monitor of its own for what guests, operators and rivals do. */
export interface KvmWorld extends SourceWorld {
  readonly qmpSocket: string;
  /** Runs a command on the other monitor. Throws when QEMU refuses it. */
  command(name: string, args?: JsonObject): Promise<unknown>;
}

const diskSize = 8 * MiB;
// A disk that does not end on a grain of the bitmap: the last grain is shorter than the others.
const oddSize = diskSize + 3 * 512;

/** Starts a PC whose firmware finds nothing to boot, with two disks. Nothing but the test writes to them. */
export async function startKvmWorld(owner: string): Promise<KvmWorld> {
  const folder = await temporaryFolder();
  const [first, second, third] = [diskId('vda'), diskId('sdb'), diskId('sdc')];
  const path = (disk: DiskId): string => join(folder, `${disk}.raw`);
  await makeDisk(path(first), diskSize);
  await makeDisk(path(second), oddSize);
  await makeDisk(path(third), diskSize);
  let running = await startPc(folder, [first, second]);
  const command = async (name: string, args?: JsonObject): Promise<unknown> =>
    valueOf(await running.rival.execute(name, args));

  return {
    owner,
    qmpSocket: running.machine.qmpSocket,
    disks: [
      { id: first, size: diskSize },
      { id: second, size: oddSize },
    ],
    command,
    connect: () => kvmHypervisor({ qmp: { path: running.machine.qmpSocket }, owner }),
    ...guestOf((request) => command('human-monitor-command', { 'command-line': request })),
    content: (disk) => readFile(path(disk)),
    async plantForeign() {
      await command('block-dirty-bitmap-add', { node: first, name: 'nightly-backup' });
      await command('block-dirty-bitmap-add', { node: second, name: `sealift-${owner}x-0-${oddSize}-2` });
    },
    async traces() {
      const nodes = JSON.stringify(await command('query-named-block-nodes', { flat: true }));
      const exports = JSON.stringify(await command('query-block-exports'));
      const names = [...nodes.matchAll(/"name":"([^"]+)"/g), ...exports.matchAll(/"id":"([^"]+)"/g)];
      return names.map(([, name]) => String(name)).toSorted();
    },
    async restart() {
      await end(running);
      running = await startPc(folder, [first, second]);
    },
    kill: () => end(running),
    resize: async (disk, size) => void (await command('block_resize', { 'node-name': disk, size })),
    async addDisk() {
      await command('blockdev-add', nodeOf(third, path(third)));
      await command('device_add', { driver: 'scsi-hd', id: third, drive: third, bus: 'scsi.0' });
      return third;
    },
    async removeDisk(disk) {
      const deleted = running.rival.waitFor('DEVICE_DELETED', ({ device }) => device === disk, {
        timeout: seconds(10),
      });
      await command('device_del', { id: disk });
      valueOf(await deleted);
    },
    async dispose() {
      await end(running);
      await running.machine.dispose();
    },
  };
}

async function makeDisk(path: string, size: number): Promise<void> {
  const file = await open(path, 'wx');
  await file.truncate(size);
  await file.close();
}

interface Running {
  readonly machine: TestMachine;
  readonly rival: QmpClient;
}

async function startPc(folder: string, [first, second]: readonly [DiskId, DiskId]): Promise<Running> {
  const disk = (id: DiskId) => ['-blockdev', JSON.stringify(nodeOf(id, join(folder, `${id}.raw`)))];
  const args = [
    ...['-name', 'contract', '-machine', 'pc', '-m', '16'],
    ...['-qmp', `unix:${join(folder, 'rival')},server=on,wait=off`],
    // One disk of each kind. A SCSI disk can be removed although no guest answers.
    ...[...disk(first), '-device', `virtio-blk-pci,id=${first},drive=${first}`],
    ...[
      '-device',
      'virtio-scsi-pci,id=scsi',
      ...disk(second),
      '-device',
      `scsi-hd,id=${second},drive=${second},bus=scsi.0`,
    ],
  ];
  const machine = await startMachine('qemu-system-x86_64', () => args, folder);
  return { machine, rival: valueOf(await connectQmp({ path: join(folder, 'rival') })) };
}

async function end({ machine, rival }: Running): Promise<void> {
  await rival.close();
  await machine.kill();
}

const nodeOf = (id: DiskId, filename: string) => ({
  driver: 'raw',
  'node-name': id,
  file: { driver: 'file', filename },
});

/** Writes through the device the guest would write through: QEMU lets nobody else write to its node. */
function guestOf(
  monitor: (command: string) => Promise<unknown>,
): Pick<SourceWorld, 'write' | 'beginWrite' | 'finishWrites'> {
  const io = async (disk: DiskId, request: string): Promise<void> => {
    const device = `/machine/peripheral/${disk}${disk.startsWith('v') ? '/virtio-backend' : ''}`;
    const said = await monitor(`qemu-io -d ${device} "${request}"`);
    if (said !== '') throw new Error(`the guest could not ${request}: ${String(said)}`);
  };
  const place = ({ at, length, fill }: GuestWrite): string => `-q -P ${fill} ${at} ${length}`;
  return {
    write: (disk, write) => io(disk, `write ${place(write)}`),
    beginWrite: (disk, write) => io(disk, `aio_write ${place(write)}`),
    finishWrites: (disk) => io(disk, 'aio_flush'),
  };
}
