import type { RegistryValue, RegistryValues } from '#core/ports/windows-guest';
import type { GuestDisk } from './guest-disk.ts';
import { controllers, nicModels, type Controller, type NicModel } from './hardware.ts';
import {
  writeLabel,
  writeSystem,
  type InstalledPartition,
  type InstalledService,
  type InstalledSystem,
} from './installed-system.ts';

/** What a guest is installed as. */
export interface GuestSetup {
  readonly hostname: string;
  /** Tells its records from those of any other guest. */
  readonly identity: number;
  readonly firmware: 'bios' | 'uefi';
  readonly controller: Controller;
  readonly nicModel: NicModel;
  /** An address with its prefix, or `dhcp`. */
  readonly nics: readonly { readonly name: string; readonly mac: string; readonly address: string }[];
  /** How many disks it has, the boot disk among them: each of the others is mounted somewhere. */
  readonly disks: number;
  /** Units of agents that are installed, by path. */
  readonly agents?: readonly string[];
  /** Changes what was installed before it is written. */
  readonly change?: (system: InstalledSystem) => InstalledSystem;
}

/** Installs a Debian 12 on blank disks: an initramfs for the machine it is on, and devices by their names in fstab. */
export function installDebian(disks: readonly GuestDisk[], setup: GuestSetup): InstalledSystem {
  return install(disks, setup, debian(setup));
}

/** Installs a Windows Server 2022 on blank disks, with VMware's drivers in store. */
export function installWindows(disks: readonly GuestDisk[], setup: GuestSetup): InstalledSystem {
  return install(disks, setup, windows(setup));
}

function install(disks: readonly GuestDisk[], { change }: GuestSetup, made: InstalledSystem): InstalledSystem {
  const system = change ? change(made) : made;
  for (const [index, disk] of disks.entries())
    if (index === 0) writeSystem(disk, system);
    else writeLabel(disk, [dataPartition(index, system.family === 'windows' ? 'ntfs' : 'ext4')]);
  return system;
}

const dataPartition = (index: number, type: string): InstalledPartition => ({
  ...partition(1, type, `da7a000${index}-5ea1-4000-8000-00000000000${index}`),
  label: `data${index}`,
});

const partition = (number: number, type: string, uuid: string, partType = ''): InstalledPartition => ({
  ...{ number, type, uuid, partType },
  label: '',
  partUuid: `${uuid.slice(0, 8)}-0${number}`,
});

/** The service of a guest that keeps its records. */
export const recordsService: InstalledService = { name: 'ledger.service', needs: [], stopMs: 300, keepsRecords: true };

const rootUuid = '0c1d0c1d-5ea1-4000-8000-0000000000aa';
const debianKernel = '6.1.0-25-amd64';
const debianModules = [
  ...['virtio_blk', 'virtio_scsi', 'virtio_net', 'hv_storvsc', 'hv_netvsc', 'sd_mod', 'ext4', 'dm_mod'],
  ...['vmw_pvscsi', 'vmxnet3', 'mptsas', 'mpt3sas', 'ahci', 'nvme', 'e1000e'],
];

function debian(setup: GuestSetup): InstalledSystem {
  const { firmware, controller, hostname, identity } = setup;
  const { modules, prefix } = controllers[controller];
  const isUefi = firmware === 'uefi';
  const data = Array.from({ length: setup.disks - 1 }, (_, index) => index + 1);
  return {
    family: 'linux',
    ...{ hostname, firmware, identity },
    partitions: [
      partition(1, 'ext4', rootUuid),
      ...(isUefi ? [partition(15, 'vfat', 'EF1F-0015', 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b')] : []),
    ],
    files: {
      '/etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n',
      '/etc/hostname': `${hostname}\n`,
      '/etc/fstab': [
        `/dev/${prefix}a1 / ext4 errors=remount-ro 0 1`,
        ...(isUefi ? ['UUID=EF1F-0015 /boot/efi vfat umask=0077 0 1'] : []),
        ...data.map((index) => `/dev/${prefix}${String.fromCharCode(97 + index)}1 /srv/data${index} ext4 defaults 0 2`),
        '',
      ].join('\n'),
      '/etc/default/grub': 'GRUB_CMDLINE_LINUX="console=ttyS0"\n',
      '/boot/grub/grub.cfg': `linux /boot/vmlinuz-${debianKernel} root=UUID=${rootUuid} ro console=ttyS0\n`,
      '/etc/initramfs-tools/initramfs.conf': 'MODULES=dep\n',
      '/etc/initramfs-tools/modules': '# List of modules\n',
      '/etc/network/interfaces': `auto lo\niface lo inet loopback\n${setup.nics.map(interfaceText).join('')}`,
    },
    present: [
      ...['/usr/sbin/update-initramfs', '/usr/sbin/mkinitramfs', '/usr/bin/systemctl', '/usr/bin/vmtoolsd'],
      ...['/usr/sbin/ifup', ...(setup.agents ?? [])],
      ...(isUefi ? ['/boot/efi/EFI/debian/shimx64.efi', '/boot/efi/EFI/debian/grubx64.efi'] : []),
    ],
    kernels: [
      {
        version: debianKernel,
        image: `/boot/vmlinuz-${debianKernel}`,
        drivers: Object.fromEntries(debianModules.map((name) => [name, 'module' as const])),
        initramfs: {
          path: `/boot/initrd.img-${debianKernel}`,
          size: 9_000_000,
          modules: [...modules, 'ext4'],
          programs: [],
        },
      },
    ],
    services: [
      { name: 'cron.service', needs: [], stopMs: 50 },
      { ...recordsService, needs: data.map((index) => `/srv/data${index}`) },
      { name: 'nginx.service', needs: [], stopMs: 100 },
    ],
  };
}

const interfaceText = ({ name, address }: GuestSetup['nics'][number]): string =>
  address === 'dhcp'
    ? `auto ${name}\niface ${name} inet dhcp\n`
    : `auto ${name}\niface ${name} inet static\n    address ${address}\n`;

const dword = (number: number): RegistryValue => ({ type: 'number', number });
const text = (value: string): RegistryValue => ({ type: 'string', text: value });
const system = 'HKEY_LOCAL_MACHINE\\SYSTEM';
const espType = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';

const driver = (start: number, file: string): RegistryValues => ({
  ...{ Type: dword(1), Start: dword(start), ErrorControl: dword(3), Group: text('SCSI miniport') },
  ImagePath: { type: 'expandable', text: `System32\\drivers\\${file}` },
});

const controllerFiles: Readonly<Record<string, string>> = {
  ...{ viostor: 'viostor.sys', vioscsi: 'vioscsi.sys', storvsc: 'storvsc.sys' },
  ...{ LSI_SAS: 'lsi_sas.sys', pvscsi: 'pvscsi.sys' },
};

function windows({ hostname, firmware, identity, controller, nics }: GuestSetup): InstalledSystem {
  const set = `${system}\\ControlSet001`;
  const services = `${set}\\Services`;
  const nicFiles = Object.values(nicModels).map(({ service }) => [service, `${service.toLowerCase()}.sys`] as const);
  // Windows loads at boot what it has been on, and nothing else.
  const startOf = (service: string): number => (service === controllers[controller].service ? 0 : 3);
  const files = [...Object.entries(controllerFiles), ...nicFiles];
  return {
    family: 'windows',
    ...{ hostname, firmware, identity },
    partitions: [
      ...(firmware === 'uefi' ? [partition(1, 'vfat', 'EF1F-0001', espType)] : []),
      partition(firmware === 'uefi' ? 2 : 1, 'ntfs', '5ea15ea15ea15ea1'),
    ],
    files: {},
    present: [
      ...files.map(([, file]) => `/Windows/System32/drivers/${file}`),
      ...(firmware === 'uefi' ? ['/EFI/Microsoft/Boot/bootmgfw.efi', '/EFI/Boot/bootx64.efi'] : ['/bootmgr']),
    ],
    kernels: [],
    services: [
      { ...recordsService, name: 'Ledger' },
      { name: 'Spooler', needs: [], stopMs: 100 },
    ],
    registry: {
      [`${system}\\Select`]: { Current: dword(1), Default: dword(1), Failed: dword(0), LastKnownGood: dword(1) },
      [`${system}\\Setup`]: { SystemSetupInProgress: dword(0), SetupType: dword(0), CmdLine: text('') },
      [set]: {},
      [`${set}\\Control\\CrashControl`]: { AutoReboot: dword(1) },
      [`${services}\\partmgr`]: { Start: dword(0) },
      ...Object.fromEntries(files.map(([name, file]) => [`${services}\\${name}`, driver(startOf(name), file)])),
      ...Object.fromEntries(
        nics.map(({ name, address }) => [
          `${services}\\Tcpip\\Parameters\\Interfaces\\{${name}}`,
          address === 'dhcp'
            ? { EnableDHCP: dword(1) }
            : { EnableDHCP: dword(0), IPAddress: { type: 'strings' as const, texts: [address.split('/')[0] ?? ''] } },
        ]),
      ),
      [`${system}\\DriverDatabase\\DeviceIds\\PCI\\VEN_15AD&DEV_07C0`]: {},
      [`${system}\\DriverDatabase\\DeviceIds\\PCI\\VEN_1000&DEV_0054`]: {},
      [`${system}\\DriverDatabase\\DeviceIds\\PCI\\VEN_15AD&DEV_07B0`]: {},
      'HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion': {
        ...{ ProductName: text('Windows Server 2022 Standard'), EditionID: text('ServerStandard') },
        ...{ CurrentMajorVersionNumber: dword(10), CurrentMinorVersionNumber: dword(0) },
        ...{ CurrentBuildNumber: text('20348'), BuildLabEx: text('20348.859.amd64fre.fe_release_svc_prod2') },
      },
    },
  };
}
