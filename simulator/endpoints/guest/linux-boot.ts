import type { GuestDisk } from './guest-disk.ts';
import { controllers, type GuestHardware } from './hardware.ts';
import { readPartitions, type InstalledKernel, type InstalledSystem } from './installed-system.ts';
import { stopped, type Boot, type BootedMount } from './boot-outcome.ts';
import { bootNetwork } from './linux-network.ts';

/** A device a kernel has found on a disk. */
interface Found {
  readonly name: string;
  readonly disk: number;
  readonly type: string;
  readonly uuid: string;
  readonly label: string;
  readonly partUuid: string;
}

/**
 * From the boot loader to systemd.
 * @differs Linux boots one kernel in one way: nobody chooses in the menu, and no menu entry is tried after one that failed.
 */
export function bootLinux(disks: readonly GuestDisk[], hardware: GuestHardware, system: InstalledSystem): Boot {
  const chosen = loaderChoice(system);
  if (chosen === undefined)
    return stopped(
      'bootLoader',
      'error: no such device or file: /boot/grub/grub.cfg\nEntering rescue mode...\ngrub rescue> ',
    );
  const kernel = system.kernels.find(({ image }) => image === chosen.image);
  if (kernel === undefined)
    return stopped(
      'bootLoader',
      `error: file \`${chosen.image}' not found.\nerror: you need to load the kernel first.\n`,
    );
  const said = chosen.hasSerial ? `Linux version ${kernel.version}\nKernel command line: ${chosen.options}\n` : '';
  const early = earlyDrivers(kernel);
  const devices = devicesOf(disks, hardware, early);
  const root = deviceNamed(devices, chosen.root);
  const canMount = root !== undefined && early(root.type);
  if (!canMount) return rootMissing(system, kernel, { said, root: chosen.root });
  return bootUserland({ disks, hardware, system, kernel, said, root });
}

interface Choice {
  readonly image: string;
  readonly options: string;
  readonly root: string;
  readonly hasSerial: boolean;
}

/** What GRUB starts: the first `linux` line of its configuration. */
function loaderChoice({ files }: InstalledSystem): Choice | undefined {
  const text = files['/boot/grub/grub.cfg'] ?? files['/boot/grub2/grub.cfg'];
  const [, image, options] = /^\s*linux\s+(\S+)\s*(.*)$/m.exec(text ?? '') ?? [];
  if (image === undefined || options === undefined) return undefined;
  const root = /\broot=(\S+)/.exec(options)?.[1] ?? '';
  return { image, options, root, hasSerial: /\bconsole=ttyS0/.test(options) };
}

/** Whether a kernel has a driver before it has a root: built in, or in its initramfs. */
const earlyDrivers =
  ({ drivers, initramfs }: InstalledKernel) =>
  (name: string): boolean =>
    drivers[name] === 'builtin' || (initramfs?.modules.includes(name) ?? false);

/** Devices that a kernel with these drivers has found, by the names the driver gives them. */
function devicesOf(
  disks: readonly GuestDisk[],
  { controller }: GuestHardware,
  has: (driver: string) => boolean,
): readonly Found[] {
  const { modules, prefix } = controllers[controller];
  if (!modules.every(has)) return [];
  return disks.flatMap((disk, index) =>
    readPartitions(disk).map(({ number, type, uuid, label, partUuid }) => {
      const name = `/dev/${prefix}${String.fromCharCode(97 + index)}${number}`;
      return { name, disk: index, type, uuid, label, partUuid };
    }),
  );
}

function deviceNamed(devices: readonly Found[], name: string): Found | undefined {
  const [, kind, value] = /^(UUID|LABEL|PARTUUID)="?([^"]+)"?$/.exec(name) ?? [];
  const byPath = /^\/dev\/disk\/by-(uuid|label|partuuid)\/(.+)$/.exec(name);
  const key = (kind ?? byPath?.[1] ?? '').toLowerCase();
  const wanted = value ?? byPath?.[2];
  return devices.find((device) =>
    key === 'uuid'
      ? device.uuid === wanted
      : key === 'label'
        ? device.label === wanted
        : key === 'partuuid'
          ? device.partUuid === wanted
          : device.name === name,
  );
}

const rootWaitMs = 30_000;

/**
 * What is said where the root is not found.
 * @source initramfs-tools 0.142, scripts/local: "Gave up waiting for root file system device", then "ALERT!  <root> does not exist.  Dropping to a shell!".
 * @source dracut 057, modules.d/98dracut-systemd: "Warning: <device> does not exist", then "Entering emergency mode".
 * @source Linux 6.1, init/do_mounts.c: "VFS: Unable to mount root fs on unknown-block(0,0)" without an initramfs.
 */
function rootMissing(
  { present }: InstalledSystem,
  { initramfs }: InstalledKernel,
  { said, root }: { readonly said: string; readonly root: string },
): Boot {
  if (initramfs === undefined)
    return stopped('kernel', `${said}Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n`);
  if (present.includes('/usr/bin/dracut')) {
    const path = root.replace(/^UUID=/, '/dev/disk/by-uuid/');
    return stopped(
      'initramfs',
      `${said}dracut-initqueue: Warning: Could not boot.\nWarning: ${path} does not exist\nEntering emergency mode. Exit the shell to continue.\ndracut:/# `,
      4 * rootWaitMs,
    );
  }
  return stopped(
    'initramfs',
    `${said}Gave up waiting for root file system device.  Common problems:\n - Missing modules (cat /proc/modules; ls /dev)\nALERT!  ${root} does not exist.  Dropping to a shell!\n(initramfs) `,
    rootWaitMs,
  );
}

// systemd's default for a device that does not turn up.
const deviceWaitMs = 90_000;

interface Userland {
  readonly disks: readonly GuestDisk[];
  readonly hardware: GuestHardware;
  readonly system: InstalledSystem;
  readonly kernel: InstalledKernel;
  readonly said: string;
  readonly root: Found;
}

/**
 * systemd on the root: file systems of fstab, then the network.
 * @source systemd.mount(5), systemd 252: a device that does not come up in 90 s fails its mount, and without `nofail` local-fs.target, which leads to emergency mode.
 */
function bootUserland({ disks, hardware, system, kernel, said, root }: Userland): Boot {
  const devices = devicesOf(disks, hardware, (name) => kernel.drivers[name] !== undefined);
  const mounts: BootedMount[] = [{ ...mountOf(root), mountpoint: '/' }];
  const missing: { readonly device: string; readonly mountpoint: string }[] = [];
  const failed: string[] = [];
  for (const entry of tableOf(system)) {
    const device = deviceNamed(devices, entry.device);
    if (entry.mountpoint === '/') {
      // It is remounted by what fstab calls it.
      if (device?.uuid !== root.uuid) failed.push('systemd-remount-fs.service');
    } else if (entry.type === 'swap' || entry.isOptional) {
      if (device && entry.type !== 'swap') mounts.push({ ...mountOf(device), mountpoint: entry.mountpoint });
    } else if (device) mounts.push({ ...mountOf(device), mountpoint: entry.mountpoint });
    else missing.push(entry);
  }
  const welcome = `${said}systemd[1]: Hostname set to <${system.hostname}>.\n`;
  if (missing.length > 0) {
    const lines = missing.map(
      ({ device, mountpoint }) =>
        `[ TIME ] Timed out waiting for device ${device}.\n[DEPEND] Dependency failed for ${mountpoint}.\n`,
    );
    const sentence = 'You are in emergency mode. After logging in, type "journalctl -xb" to view\n';
    return stopped('emergencyMode', `${welcome}${lines.join('')}${sentence}`, deviceWaitMs);
  }
  const network = bootNetwork(system, kernel, hardware);
  if (network.trouble.length > 0) failed.push('networking.service');
  const units = failed.map((unit) => `[FAILED] Failed to start ${unit}.\n`).join('');
  return {
    console: `${welcome}${units}\n${system.hostname} login: `,
    waitedMs: 0,
    outcome: {
      type: 'up',
      booted: { installed: system, kernel: kernel.version, mounts, nics: network.nics, failed },
    },
  };
}

const mountOf = ({ name, disk, type, uuid }: Found): Omit<BootedMount, 'mountpoint'> => ({
  device: name,
  ...{ disk, type, uuid },
});

interface TableEntry {
  readonly device: string;
  readonly mountpoint: string;
  readonly type: string;
  readonly isOptional: boolean;
}

const tableOf = ({ files }: InstalledSystem): readonly TableEntry[] =>
  (files['/etc/fstab'] ?? '').split('\n').flatMap((line) => {
    const [device = '', mountpoint = '', type = '', options = ''] = line.trim().split(/\s+/);
    if (device === '' || device.startsWith('#')) return [];
    return [{ device, mountpoint, type, isOptional: /\bno(fail|auto)\b/.test(options) }];
  });
