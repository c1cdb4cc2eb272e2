import { execFile } from 'node:child_process';
import { access, appendFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { diskId } from '#core/ids';
import type { HypervisorError, PowerState } from '#core/ports/source-hypervisor';
import type { SourcePower } from '#core/ports/source-power';
import type { LinkState } from '#core/ports/target-platform';
import { err, ok, type Result } from '#core/result';
import { powerState } from '#replicator/connectors/kvm/power';
import type { LaboratoryDisk } from '#replicator/connectors/laboratory/laboratory';
import { askVm, endVm, pidOf, startVm, vmFolder } from '#replicator/connectors/laboratory/machine/kept-vm';
import {
  nicArguments,
  plugAndRemember,
  rememberedLinks,
  rememberLinks,
} from '#replicator/connectors/laboratory/machine/links';
import { describeQmpError } from '#replicator/qmp/error';
import { guestTools, type GuestImage, type GuestImageError } from './guest-image.ts';
import { guestShell, type GuestShell } from './guest-shell.ts';

/** The source VM of the laboratory guest. */
export interface SourceVmOptions {
  /** The VM's folder. Made if it is not there; its path must be short: there are sockets in it. */
  readonly directory: string;
  readonly image: GuestImage;
  /** Guest memory in MiB. 768 if not given. */
  readonly memoryMiB?: number;
  /**
   * Asked before each power-off; a sentence makes this hypervisor refuse it with that. For showing what happens then: real
   * ones refuse for locks, permissions and lost hosts.
   */
  readonly refusesPowerOff?: () => string | undefined;
}

/** A source VM: Debian on virtio disks and a virtio NIC. It outlives whoever started it, until `remove`. */
export interface SourceVm {
  readonly power: SourcePower;
  /** Overlays over the image's disks, boot disk first. */
  readonly disks: readonly LaboratoryDisk[];
  readonly mac: string;
  readonly shell: GuestShell;
  /** Everything it ever said on its serial console. */
  readonly consolePath: string;
  /** What `annotate` left. */
  notes(): Promise<readonly string[]>;
  /** Ends the VM and removes its folder, disks and all. Idempotent. */
  remove(): Promise<void>;
}

/** The MAC of the source's NIC, QEMU's vendor prefix. */
export const sourceMac = '52:54:00:5e:a1:1f';
const memoryMiBDefault = 768;

/**
 * Makes the source VM's disks if they are not there, and knows it again if they are. It is not started: see `power`.
 */
export async function sourceVm(options: SourceVmOptions): Promise<Result<SourceVm, GuestImageError>> {
  const tools = guestTools();
  if (!tools.ok) return tools;
  const directory = resolve(options.directory);
  const disks: LaboratoryDisk[] = [];
  for (const [name, base] of [
    ['vda', options.image.root],
    ['vdb', options.image.data],
  ] as const) {
    const disk = { id: diskId(name), path: join(directory, `${name}.qcow2`), format: 'qcow2' } as const;
    const made = await makeOverlay(tools.value['qemu-img'], disk.path, base);
    if (!made.ok) return made;
    disks.push(disk);
  }
  const folder = vmFolder(directory);
  return ok({
    power: sourcePower({ ...options, directory, disks, qemu: tools.value['qemu-system-x86_64'] }),
    disks,
    mac: sourceMac,
    shell: guestShell(folder.shell),
    consolePath: folder.console,
    notes: async () => (await readFile(notesIn(directory), 'utf8').catch(() => '')).split('\n').slice(0, -1),
    async remove() {
      await endVm(folder);
      await rm(directory, { recursive: true, force: true });
    },
  });
}

async function makeOverlay(qemuImg: string, path: string, base: string): Promise<Result<void, GuestImageError>> {
  if (await exists(path)) return ok(undefined);
  try {
    await mkdir(join(path, '..'), { recursive: true });
    const made = `${path}.new`; // Renamed whole: half an image is never taken for a disk.
    await promisify(execFile)(qemuImg, ['create', '-q', '-f', 'qcow2', '-b', base, '-F', 'raw', made]);
    await rename(made, path);
    return ok(undefined);
  } catch (cause) {
    return err({ type: 'BuildFailed', step: 'making a disk', detail: String(cause) });
  }
}

interface Machine extends SourceVmOptions {
  readonly disks: readonly LaboratoryDisk[];
  readonly qemu: string;
}

const notesIn = (directory: string): string => join(directory, 'notes');

function sourcePower(machine: Machine): SourcePower {
  const { directory, refusesPowerOff } = machine;
  const folder = vmFolder(directory);
  const setLinks = async (operation: string, state: LinkState): Promise<Result<void, HypervisorError>> => {
    if ((await pidOf(folder)) === undefined) {
      await mkdir(directory, { recursive: true });
      await rememberLinks(directory, state);
      return ok(undefined);
    }
    const plugged = await plugAndRemember(directory, { folder, nics: 1, state });
    if (plugged.ok) return plugged;
    const detail = describeQmpError(plugged.error);
    return plugged.error.type === 'CommandFailed' ? refused(operation, detail) : unreachable(operation, detail);
  };
  return {
    state: () => stateOf(machine),
    async powerOff() {
      const before = await pidOf(folder);
      const refusal = before === undefined ? undefined : refusesPowerOff?.();
      if (refusal !== undefined) return refused('powerOff', refusal);
      const off = await endVm(folder);
      return off.ok ? off : refused('powerOff', off.error);
    },
    powerOn: () => powerOn(machine),
    disconnect: () => setLinks('disconnect', 'disconnected'),
    reconnect: () => setLinks('reconnect', 'connected'),
    async annotate(note) {
      try {
        await appendFile(notesIn(directory), `${note.replaceAll('\n', ' ')}\n`);
        return ok(undefined);
      } catch (cause) {
        return refused('annotate', String(cause));
      }
    },
    close: () => Promise.resolve(),
  };
}

async function stateOf({ directory }: Machine): Promise<Result<PowerState, HypervisorError>> {
  const folder = vmFolder(directory);
  if ((await pidOf(folder)) === undefined) return ok('off');
  const status = await askVm(folder, 'query-status');
  // It may have ended between the two questions.
  if ((await pidOf(folder)) === undefined) return ok('off');
  if (!status.ok) return unreachable('state', status.error);
  return ok(powerState(String((status.value as { readonly status?: unknown }).status)));
}

async function powerOn(machine: Machine): Promise<Result<void, HypervisorError>> {
  const { directory, qemu } = machine;
  const folder = vmFolder(directory);
  if ((await pidOf(folder)) === undefined) {
    if ((await rememberedLinks(directory)) === undefined) await rememberLinks(directory, 'connected');
    const started = await startVm(qemu, folder, sourceArguments(machine));
    if (!started.ok) return refused('powerOn', started.error);
  }
  const state = await stateOf(machine);
  if (!state.ok) return state;
  if (state.value === 'crashed') return refused('powerOn', 'the guest has crashed; power it off first');
  if (state.value !== 'paused') return ok(undefined);
  const links = (await rememberedLinks(directory)) ?? 'connected';
  const plugged = await plugAndRemember(directory, { folder, nics: 1, state: links });
  if (!plugged.ok) return unreachable('powerOn', describeQmpError(plugged.error));
  const running = await askVm(folder, 'cont');
  return running.ok ? ok(undefined) : unreachable('powerOn', running.error);
}

// The slots decide the guest's names: ens3 is slot 3, vda the lower one of the two disks.
const sourceArguments = ({ disks, memoryMiB = memoryMiBDefault }: Machine): readonly string[] => [
  ...['-name', 'laboratory-source', '-machine', 'pc', '-m', String(memoryMiB), '-smp', '2'],
  ...nicArguments(0, `virtio-net-pci,mac=${sourceMac},addr=3`),
  ...disks.flatMap(({ id, path, format }, index) => [
    '-blockdev',
    JSON.stringify({ driver: format, 'node-name': id, file: { driver: 'file', filename: path }, discard: 'unmap' }),
    '-device',
    `virtio-blk-pci,id=${id}-device,drive=${id},serial=${id},addr=${index + 5}${index === 0 ? ',bootindex=0' : ''}`,
  ]),
];

const refused = (operation: string, detail: string): Result<never, HypervisorError> =>
  err({ type: 'Refused', operation, detail });

const unreachable = (operation: string, detail: string): Result<never, HypervisorError> =>
  err({ type: 'Unreachable', operation, detail });

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
