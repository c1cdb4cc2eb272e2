import type { FixUpError } from '#core/ports/fix-up';
import type { RegistryValues, WindowsGuest } from '#core/ports/windows-guest';
import { err, ok, type Result } from '#core/result';
import { criticalKey } from './boot-drivers.ts';
import { controlSetsNamed, controlSetsOf, selectKey } from './control-sets.ts';
import { controllerDrivers, nicDrivers, otherControllers } from './drivers.ts';
import { clockKey, fastStartupKey, interfacesKey, mountedKey, pagingKey, toolsKey } from './findings.ts';
import { crashKey, setupKey } from './first-boot.ts';
import type { HiveTree } from './registry-tree.ts';
import { hiveRoots, inSet } from './registry.ts';
import { agentServices, clusterKey, diskPolicyKey } from './settings.ts';

/** What was read of the hive SYSTEM. */
export interface SystemReadings {
  readonly keys: WindowsGuest['registry'];
  /** Names of all services, in any control set. */
  readonly services: readonly string[];
  readonly knownHardware: readonly string[];
}

/** Reads what plans look at in the hive SYSTEM: of each control set that Windows may start from what may be edited. */
export async function readSystem(tree: HiveTree): Promise<Result<SystemReadings, FixUpError>> {
  const first = await valuesOf(tree, [selectKey, setupKey, mountedKey]);
  if (!first.ok) return first;
  const named = controlSetsNamed(first.value[selectKey]).map((set) => `${hiveRoots.system}\\${set}`);
  const sets = await valuesOf(tree, named);
  if (!sets.ok) return sets;
  const keys: Record<string, RegistryValues | null> = { ...first.value, ...sets.value };
  const services = new Set<string>();
  for (const set of controlSetsOf((key) => keys[key])) {
    const names = await tree.children(inSet(set, 'Services'));
    if (!names.ok) return names;
    const interfaces = await tree.children(interfacesKey(set));
    if (!interfaces.ok) return interfaces;
    for (const name of names.value) services.add(name);
    const more = await valuesOf(tree, [
      ...keysOfSet(set),
      ...agentServices(names.value).map((name) => inSet(set, `Services\\${name}`)),
      ...interfaces.value.map((name) => `${interfacesKey(set)}\\${name}`),
    ]);
    if (!more.ok) return more;
    Object.assign(keys, more.value);
  }
  const known = await knownHardware(tree);
  return known.ok ? ok({ keys, services: [...services], knownHardware: known.value }) : known;
}

const versionKey = `${hiveRoots.software}\\Microsoft\\Windows NT\\CurrentVersion`;

/** What the hive SOFTWARE says of Windows itself. */
export async function readVersion(tree: HiveTree): Promise<Result<RegistryValues, FixUpError>> {
  const values = await tree.values(versionKey);
  if (!values.ok) return values;
  return values.value === undefined
    ? err({ type: 'Unsupported', what: 'this Windows', detail: `it does not say what it is: it has no ${versionKey}` })
    : ok(values.value);
}

const drivers = [...Object.values(controllerDrivers), ...otherControllers, ...Object.values(nicDrivers)];
const hardware = [...Object.values(controllerDrivers), ...Object.values(nicDrivers)].map((driver) => driver.hardware);

const keysOfSet = (set: string): readonly string[] => [
  ...drivers.map(({ service }) => inSet(set, `Services\\${service}`)),
  ...drivers.map(({ service }) => inSet(set, `Services\\${service}\\StartOverride`)),
  ...[inSet(set, 'Services\\partmgr'), diskPolicyKey(set), clusterKey(set), crashKey(set)],
  ...[criticalKey(set), ...hardware.map((id) => `${criticalKey(set)}\\${id.replace('\\', '#')}`)],
  ...[toolsKey(set), clockKey(set), fastStartupKey(set), pagingKey(set)],
];

/** Hardware that matters here and that the driver database names, whatever board it is on. */
async function knownHardware(tree: HiveTree): Promise<Result<readonly string[], FixUpError>> {
  const names = await tree.children(`${hiveRoots.system}\\DriverDatabase\\DeviceIds\\PCI`);
  if (!names.ok) return names;
  const ids = names.value.map((name) => `PCI\\${name}`.toUpperCase());
  return ok(hardware.filter((wanted) => ids.some((id) => id === wanted || id.startsWith(`${wanted}&`))));
}

async function valuesOf(
  tree: HiveTree,
  keys: readonly string[],
): Promise<Result<Record<string, RegistryValues | null>, FixUpError>> {
  const found: Record<string, RegistryValues | null> = {};
  for (const key of keys) {
    const values = await tree.values(key);
    if (!values.ok) return values;
    found[key] = values.value ?? null;
  }
  return ok(found);
}
