import type { GuestDevice, GuestImage } from '#core/ports/fix-up';
import type { RegistryValues, WindowsGuest } from '#core/ports/windows-guest';
import { controlSetsOf } from './control-sets.ts';
import { lookupIn, numberIn, textOf, type RegistryLookup } from './registry.ts';
import { agentServices } from './settings.ts';

/** What was read of a Windows guest, before anything is made of it. */
export interface WindowsReadings {
  readonly devices: readonly GuestDevice[];
  readonly mounts: GuestImage['mounts'];
  readonly files: GuestImage['files'];
  readonly present: readonly string[];
  /** Values of `SOFTWARE\Microsoft\Windows NT\CurrentVersion`. */
  readonly version: RegistryValues;
  /** Names of all services, in any control set. */
  readonly services: readonly string[];
  readonly windows: Omit<WindowsGuest, 'edition' | 'build' | 'architecture' | 'controlSets'>;
}

/** Says what the readings mean. Pure. */
export function describeWindows(readings: WindowsReadings): GuestImage {
  const { devices, version } = readings;
  const build = Number(textOf(version, 'CurrentBuildNumber') || textOf(version, 'CurrentBuild')) || 0;
  const windows: WindowsGuest = {
    ...readings.windows,
    build,
    edition: textOf(version, 'EditionID'),
    architecture: architectureOf(version),
    controlSets: controlSetsOf(lookupIn(readings.windows)),
  };
  return {
    os: { family: 'windows', id: 'windows', version: versionOf(version, build), name: nameOf(version, build) },
    firmware: windows.loaders.some((path) => path.startsWith('/EFI/')) ? 'uefi' : 'bios',
    bootLoader: windows.loaders.length > 0 ? 'bootmgr' : 'unknown',
    initramfsSystem: 'unknown',
    kernels: [],
    devices,
    mounts: readings.mounts,
    networkSystems: [],
    oldAgents: agentServices(readings.services),
    locked: devices.filter(({ type }) => type === 'BitLocker').map(({ name }) => name),
    hibernated: windows.volume.state === 'hibernated' ? [windows.volume.device] : [],
    files: readings.files,
    present: readings.present,
    windows,
  };
}

function architectureOf(version: RegistryValues): WindowsGuest['architecture'] {
  // 20348.859.amd64fre.fe_release_svc_prod2.220707-1832
  const lab = `${textOf(version, 'BuildLabEx')} ${textOf(version, 'BuildLab')}`;
  if (/\bamd64(fre|chk)\b/.test(lab)) return 'x64';
  if (/\barm64(fre|chk)\b/.test(lab)) return 'arm64';
  return /\bx86(fre|chk)\b/.test(lab) ? 'x86' : 'unknown';
}

function versionOf(version: RegistryValues, build: number): string {
  const look: RegistryLookup = () => version;
  const major = numberIn(look, '', 'CurrentMajorVersionNumber');
  // Windows 10 and later write 6.3 where Windows 8.1 had it, for programs that cannot read two digits.
  const numbers =
    major === undefined
      ? textOf(version, 'CurrentVersion')
      : `${major}.${numberIn(look, '', 'CurrentMinorVersionNumber') ?? 0}`;
  const revision = numberIn(look, '', 'UBR');
  return [numbers, build, ...(revision === undefined ? [] : [revision])].join('.');
}

const windows11From = 22_000;

function nameOf(version: RegistryValues, build: number): string {
  const name = textOf(version, 'ProductName') || 'Windows';
  // Windows 11 calls itself 10 there.
  return build >= windows11From ? name.replace(/^Windows 10\b/, 'Windows 11') : name;
}
