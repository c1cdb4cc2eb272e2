import type { FixUpPlan, FixUpTarget, GuestDevice, GuestImage } from '#core/ports/fix-up';
import type { RegistryValue, RegistryValues, WindowsGuest } from '#core/ports/windows-guest';
import { ok } from '#core/result';
import { bytes } from '#core/units';
import { planFixUp } from '#replicator/fixup/plan';
import { describeWindows } from '#replicator/fixup/windows/describe';
import type { HiveTree } from '#replicator/fixup/windows/registry-tree';
import { readSystem, readVersion } from '#replicator/fixup/windows/readings';
import { parseRegistryText, registryText, type KeyState } from '#replicator/fixup/windows/registry-text';
import { dword, keyWith } from '#replicator/fixup/windows/registry';
import { device } from './guest-samples.ts';
import { valueOf } from './value-of.ts';

/** Keys of a registry with their values. Parents need not be named. */
export type Keys = Readonly<Record<string, RegistryValues>>;

/** A Windows guest as it is on its disks. */
export interface WindowsSample {
  readonly keys: Keys;
  readonly drivers: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly devices: readonly GuestDevice[];
  readonly loaders: readonly string[];
  readonly state: WindowsGuest['volume']['state'];
  readonly isClean: boolean;
}

/** A string as a value. */
export const sz = (text: string): RegistryValue => ({ type: 'string', text });
/** Several strings as a value. */
export const multi = (...texts: readonly string[]): RegistryValue => ({ type: 'strings', texts });

/** The root of the hive SYSTEM. */
export const system = 'HKEY_LOCAL_MACHINE\\SYSTEM';
const software = 'HKEY_LOCAL_MACHINE\\SOFTWARE';
const driver = (start: number, file: string): RegistryValues => ({
  Type: dword(1),
  Start: dword(start),
  ErrorControl: dword(3),
  Group: sz('SCSI miniport'),
  ImagePath: { type: 'expandable', text: `System32\\drivers\\${file}` },
});

/** Keys of a control set of a server on virtio: drivers of vSphere's controllers wait to be asked for. */
export const controlSet = (name: string): Keys => {
  const set = `${system}\\${name}`;
  const services = `${set}\\Services`;
  return {
    [`${set}\\Control\\CrashControl`]: { AutoReboot: dword(1), CrashDumpEnabled: dword(7) },
    [`${set}\\Control\\TimeZoneInformation`]: { TimeZoneKeyName: sz('W. Europe Standard Time') },
    [`${set}\\Control\\CriticalDeviceDatabase`]: {},
    [`${set}\\Control\\Session Manager\\Power`]: { HiberbootEnabled: dword(0) },
    [`${set}\\Control\\Session Manager\\Memory Management`]: { PagingFiles: multi('?:\\pagefile.sys') },
    [`${services}\\vioscsi`]: driver(0, 'vioscsi.sys'),
    [`${services}\\LSI_SAS`]: driver(3, 'lsi_sas.sys'),
    [`${services}\\LSI_SAS\\StartOverride`]: { '0': dword(3) },
    [`${services}\\storahci`]: driver(0, 'storahci.sys'),
    [`${services}\\storahci\\StartOverride`]: { '0': dword(3) },
    [`${services}\\stornvme`]: driver(0, 'stornvme.sys'),
    [`${services}\\stornvme\\StartOverride`]: { '0': dword(0) },
    [`${services}\\partmgr`]: { Start: dword(0) },
    [`${services}\\QEMU-GA`]: { Start: dword(2), ImagePath: sz('"C:\\Program Files\\qemu-ga\\qemu-ga.exe" -d') },
    [`${services}\\Spooler`]: { Start: dword(2) },
    [`${services}\\Tcpip\\Parameters\\Interfaces\\{1b2f}`]: {
      EnableDHCP: dword(0),
      IPAddress: multi('10.0.0.5'),
      SubnetMask: multi('255.255.255.0'),
      DefaultGateway: multi('10.0.0.1'),
    },
    [`${services}\\Tcpip\\Parameters\\Interfaces\\{2c3f}`]: { EnableDHCP: dword(1), IPAddress: multi('0.0.0.0') },
  };
};

/** The partition with Windows, by its id as NTFS and the registry have it. */
const systemPartition = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9';
const systemPartitionBytes = '444d494f3a49443a3d2c1b0a5f4e71608293a4b5c6d7e8f9';

/** Windows Server 2022 on UEFI. */
export const server2022: WindowsSample = {
  keys: {
    [`${system}\\Select`]: { Current: dword(1), Default: dword(1), Failed: dword(0), LastKnownGood: dword(1) },
    [`${system}\\Setup`]: {
      SystemSetupInProgress: dword(0),
      SetupType: dword(0),
      CmdLine: sz(''),
      OOBEInProgress: dword(0),
    },
    [`${system}\\MountedDevices`]: { '\\DosDevices\\C:': { type: 'bytes', kind: 3, hex: systemPartitionBytes } },
    [`${system}\\DriverDatabase\\DeviceIds\\PCI\\VEN_1000&DEV_0054`]: {
      'lsi_sas.inf': { type: 'bytes', kind: 3, hex: '01ff0000' },
    },
    [`${system}\\DriverDatabase\\DeviceIds\\PCI\\VEN_8086&DEV_10D3&SUBSYS_07D015AD`]: {
      'net1ic64.inf': { type: 'bytes', kind: 3, hex: '01ff0000' },
    },
    ...controlSet('ControlSet001'),
    [`${software}\\Microsoft\\Windows NT\\CurrentVersion`]: {
      ProductName: sz('Windows Server 2022 Standard'),
      EditionID: sz('ServerStandard'),
      CurrentVersion: sz('6.3'),
      CurrentMajorVersionNumber: dword(10),
      CurrentMinorVersionNumber: dword(0),
      CurrentBuild: sz('20348'),
      CurrentBuildNumber: sz('20348'),
      UBR: dword(2700),
      BuildLabEx: sz('20348.859.amd64fre.fe_release_svc_prod2.220707-1832'),
      SystemRoot: sz('C:\\Windows'),
    },
  },
  drivers: ['vioscsi.sys', 'lsi_sas.sys', 'storahci.sys', 'stornvme.sys'],
  files: {},
  devices: [
    device('/dev/sda', ''),
    device('/dev/sda1', 'vfat', { partType: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b' }),
    device('/dev/sda2', 'ntfs', { partUuid: systemPartition }),
  ],
  loaders: ['/EFI/Microsoft/Boot/bootmgfw.efi', '/EFI/Boot/bootx64.efi'],
  state: 'clean',
  isClean: true,
};

const versionKey = `${software}\\Microsoft\\Windows NT\\CurrentVersion`;

/** Windows Server 2008 R2 on BIOS: no driver database, and one more control set that is known to have worked. */
export const server2008: WindowsSample = {
  ...server2022,
  keys: {
    ...Object.fromEntries(
      Object.entries(server2022.keys).filter(
        ([key]) => !key.includes('DriverDatabase') && !key.includes('StartOverride'),
      ),
    ),
    ...Object.fromEntries(
      Object.entries(controlSet('ControlSet002')).filter(([key]) => !key.includes('StartOverride')),
    ),
    [`${system}\\Select`]: { Current: dword(1), Default: dword(1), Failed: dword(0), LastKnownGood: dword(2) },
    [versionKey]: {
      ProductName: sz('Windows Server 2008 R2 Standard'),
      EditionID: sz('ServerStandard'),
      CurrentVersion: sz('6.1'),
      CurrentBuildNumber: sz('7601'),
      BuildLabEx: sz('7601.24214.amd64fre.win7sp1_ldr_escrow.180801-1700'),
    },
  },
  loaders: ['/bootmgr'],
};

/** A sample with other keys (undefined takes one away, with all below it) and more. */
export function changed(
  sample: WindowsSample,
  keys: Readonly<Record<string, RegistryValues | undefined>>,
  more: Partial<Omit<WindowsSample, 'keys'>> = {},
): WindowsSample {
  const gone = Object.entries(keys).flatMap(([key, values]) => (values === undefined ? [key.toLowerCase()] : []));
  const isGone = (key: string): boolean =>
    gone.some((one) => key.toLowerCase() === one || key.toLowerCase().startsWith(`${one}\\`));
  const kept = Object.entries({ ...sample.keys, ...keys }).flatMap(([key, values]) =>
    values === undefined || isGone(key) ? [] : [[key, values] as const],
  );
  return { ...sample, ...more, keys: Object.fromEntries(kept) };
}

/** Other values of the version. */
export const versioned = (sample: WindowsSample, values: RegistryValues): WindowsSample =>
  changed(sample, { [versionKey]: { ...sample.keys[versionKey], ...values } });

/** The image that an inspection makes of it. */
export async function windowsImage(sample: WindowsSample): Promise<GuestImage> {
  const tree = treeOf(sample.keys);
  const { keys, services, knownHardware } = valueOf(await readSystem(tree));
  const volume = { device: '/dev/sda2', state: sample.state };
  const config = '/Windows/System32/config';
  return describeWindows({
    devices: sample.devices,
    mounts: [{ device: '/dev/sda2', mountpoint: '/', type: 'ntfs', free: bytes(2 ** 34) }],
    files: sample.files,
    present: sample.drivers.map((name) => `/Windows/System32/drivers/${name}`),
    version: valueOf(await readVersion(tree)),
    services,
    windows: {
      folder: '/Windows',
      volume,
      hives: {
        system: { path: `${config}/SYSTEM`, isClean: sample.isClean },
        software: { path: `${config}/SOFTWARE`, isClean: true },
      },
      registry: keys,
      knownHardware,
      loaders: sample.loaders,
    },
  });
}

/** The target that Windows fits without more drivers. */
export const windowsTarget: FixUpTarget = { controller: 'lsisas', nicModel: 'e1000e', nics: [] };

/** The plan for a sample that can be fixed up. */
export const windowsPlan = async (sample: WindowsSample, wanted: Partial<FixUpTarget> = {}): Promise<FixUpPlan> =>
  valueOf(planFixUp(await windowsImage(sample), { ...windowsTarget, ...wanted }));

/** The sample as it is once every edit was made. */
export function afterWindowsEdits(sample: WindowsSample, { edits }: FixUpPlan): WindowsSample {
  let made = sample;
  for (const { hive, path, after = '' } of edits) {
    if (hive === undefined) made = { ...made, files: { ...made.files, [path]: after } };
    else for (const state of valueOf(parseRegistryText(after))) made = merged(made, state);
  }
  return made;
}

function merged(sample: WindowsSample, state: KeyState): WindowsSample {
  if (state.isAbsent) return changed(sample, { [state.key]: undefined });
  const values: Record<string, RegistryValue> = { ...sample.keys[state.key] };
  for (const [name, value] of state.values) {
    if (value === undefined) delete values[name];
    else values[name] = value;
  }
  return changed(sample, { [state.key]: values });
}

/** Keys below a root as text that makes them in an empty hive: parents first. */
export function keysText(keys: Keys, root: string): string {
  const states = new Map<string, KeyState>();
  for (const [key, values] of Object.entries(keys)) {
    if (!key.startsWith(`${root}\\`)) continue;
    for (const parent of parentsOf(key).filter((one) => one.length > root.length))
      if (!states.has(parent)) states.set(parent, keyWith(parent));
    states.set(key, keyWith(key, values));
  }
  return registryText([...states.values()]);
}

const parentsOf = (key: string): readonly string[] =>
  key.split('\\').map((_, index, parts) => parts.slice(0, index + 1).join('\\'));

/** The keys as a tree that is asked like a hive. */
function treeOf(keys: Keys): HiveTree {
  const all = new Map<string, { readonly name: string; readonly values: RegistryValues }>();
  for (const [key, values] of Object.entries(keys))
    for (const one of parentsOf(key)) {
      const known = all.get(one.toLowerCase())?.values ?? {};
      all.set(one.toLowerCase(), { name: one, values: one === key ? values : known });
    }
  return {
    values: (key) => Promise.resolve(ok(all.get(key.toLowerCase())?.values)),
    children: (key) => {
      const depth = key.split('\\').length + 1;
      const below = [...all.values()].filter(
        ({ name }) => name.toLowerCase().startsWith(`${key.toLowerCase()}\\`) && name.split('\\').length === depth,
      );
      return Promise.resolve(ok(below.map(({ name }) => name.split('\\').at(-1) ?? '')));
    },
  };
}
