import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FixUpError, GuestDevice, GuestImage } from '#core/ports/fix-up';
import type { RegistryValues, WindowsGuest } from '#core/ports/windows-guest';
import { err, ok, type Result } from '#core/result';
import { bytes } from '#core/units';
import { linesOf } from '#replicator/fixup/guest-devices';
import { fetchTexts, freeIn, mountGuest } from '#replicator/fixup/guest-tree';
import type { GuestfishSession } from '#replicator/fixup/guestfish';
import { describeWindows } from './describe.ts';
import { driverPath } from './drivers.ts';
import { scriptPath } from './first-boot.ts';
import { hiveState } from './hive-header.ts';
import { hiveTree } from './hive-tree.ts';
import type { LocalHive } from './hivexregedit.ts';
import { readSystem, readVersion, type SystemReadings } from './readings.ts';
import { hiveRoots } from './registry.ts';
import { findWindows, mountWindows, volumeState, type WindowsPlace } from './volume.ts';

/**
 * All about a Windows guest from its disks, or undefined if there is no Windows on them. Nothing is mounted before and
 * after.
 */
export async function inspectWindows(
  session: GuestfishSession,
  devices: readonly GuestDevice[],
): Promise<Result<GuestImage | undefined, FixUpError>> {
  const found = await findWindows(session, devices);
  if (!found.ok || found.value === undefined) return found.ok ? ok(undefined) : found;
  const place = found.value;
  const alone = await noOtherSystem(session, devices);
  if (!alone.ok) return alone;
  const state = await volumeState(session, place);
  if (!state.ok) return state;
  const loaders = await loadersOf(session, devices, place);
  const mounted = await mountWindows(session, place, false);
  if (!mounted.ok) return mounted;
  const files = await fetchTexts(session, [scriptPath(place)]);
  const drivers = await driversOf(session, place);
  if (!drivers.ok) return drivers;
  const room = await session.run('statvfs', '/');
  const registry = await readRegistry(session, place);
  if (!registry.ok) return registry;
  const unmounted = await session.run('umount-all');
  if (!unmounted.ok) return unmounted;
  const { device } = place;
  return ok(
    describeWindows({
      devices,
      mounts: [{ device: device.name, mountpoint: '/', type: device.type, free: bytes(freeIn(room)) }],
      files: Object.fromEntries(files),
      present: drivers.value.map((name) => driverPath(place.folder, name)),
      version: registry.value.version,
      services: registry.value.services,
      windows: {
        folder: place.folder,
        volume: { device: device.name, state: state.value },
        hives: registry.value.hives,
        registry: registry.value.keys,
        knownHardware: registry.value.knownHardware,
        loaders,
      },
    }),
  );
}

const driversThatMatter = /^(pvscsi|lsi_sas|storahci|msahci|stornvme|vmxnet3|e1i\d+x(64|32)|vioscsi|viostor)\.sys$/i;

async function driversOf(
  session: GuestfishSession,
  { folder }: WindowsPlace,
): Promise<Result<readonly string[], FixUpError>> {
  const path = await session.run('case-sensitive-path', driverPath(folder, '').replace(/\/$/, ''));
  if (!path.ok) return path;
  const listed = await session.run('ls', path.value.trim());
  return listed.ok ? ok(linesOf(listed.value).filter((name) => driversThatMatter.test(name))) : listed;
}

async function noOtherSystem(
  session: GuestfishSession,
  devices: readonly GuestDevice[],
): Promise<Result<void, FixUpError>> {
  const linux = await mountGuest(session, devices, false);
  await session.run('umount-all');
  const [root] = linux.ok ? linux.value : [];
  if (root === undefined) return ok(undefined);
  return err({
    type: 'Unsupported',
    what: 'a guest with several systems on its disks',
    detail: `Windows and a Linux root, on ${root.device}, were found; one guest has one`,
  });
}

const espTypes = ['c12a7328-f81f-11d2-ba4b-00a0c93ec93b', '0xef'];
const espLoaders = ['/EFI/Microsoft/Boot/bootmgfw.efi', '/EFI/Boot/bootx64.efi'];

async function loadersOf(
  session: GuestfishSession,
  devices: readonly GuestDevice[],
  { hasBootmgr }: WindowsPlace,
): Promise<readonly string[]> {
  const found: string[] = hasBootmgr ? ['/bootmgr'] : [];
  for (const { name } of devices.filter(({ type, partType }) => type === 'vfat' && espTypes.includes(partType))) {
    const answers = await session.runAll([
      ['mount-ro', name, '/'],
      ...espLoaders.map((path) => ['is-file', path]),
      ['umount-all'],
    ]);
    const isThere = answers.slice(1, -1).map((answer) => answer.ok && answer.value.trim() === 'true');
    found.push(...espLoaders.filter((_, index) => isThere[index]));
  }
  return found;
}

/** What was read of the registry. */
interface RegistryReadings extends SystemReadings {
  readonly version: RegistryValues;
  readonly hives: WindowsGuest['hives'];
}

async function readRegistry(
  session: GuestfishSession,
  place: WindowsPlace,
): Promise<Result<RegistryReadings, FixUpError>> {
  const system = await fetchHive(session, 'system', place.hives.system);
  if (!system.ok) return system;
  const software = await fetchHive(session, 'software', place.hives.software);
  if (!software.ok) return software;
  const [read, version] = [
    await readSystem(hiveTree(system.value.hive)),
    await readVersion(hiveTree(software.value.hive)),
  ];
  // They may be large, and what runs on from here does not need them.
  for (const { hive } of [system.value, software.value]) await rm(hive.file, { force: true });
  if (!read.ok) return read;
  if (!version.ok) return version;
  return ok({
    ...read.value,
    version: version.value,
    hives: {
      system: { path: place.hives.system, isClean: system.value.isClean },
      software: { path: place.hives.software, isClean: software.value.isClean },
    },
  });
}

async function fetchHive(
  session: GuestfishSession,
  name: keyof typeof hiveRoots,
  path: string,
): Promise<Result<{ readonly hive: LocalHive; readonly isClean: boolean }, FixUpError>> {
  const file = join(session.folder, `${name}.hive`);
  const fetched = await session.run('download', path, file);
  if (!fetched.ok) return fetched;
  const state = await hiveState(file);
  if (state === 'unknown') return err({ type: 'ImageUnusable', detail: `${path} is no hive of a registry` });
  return ok({ hive: { file, root: hiveRoots[name] }, isClean: state === 'clean' });
}
