import { diskId } from '#core/ids';
import type { SourcePlatform } from '#core/migration/plan';
import { alignUp, bytes, MiB, type Bytes, type BytesPerSecond } from '#core/units';
import type { EstateDisk, EstateHost } from '#simulator/estate/estate';
import { hostRead, type Fleet, type FleetVm } from '#simulator/estate/generate';
import type { GuestName } from '#simulator/estate/guest';
import { profiles } from '#simulator/estate/profiles';
import { guestOf } from './guest-name.ts';
import type { ImportProblem, InventoryDisk, InventoryVm } from './inventory.ts';

/** What is taken where an inventory does not say. */
export interface Assumptions {
  /** The platform of VMs whose platform is not said. */
  readonly platform: SourcePlatform | undefined;
  readonly diskSize: Bytes;
  /** In per cent of a disk's size. */
  readonly used: number;
  readonly writes: BytesPerSecond;
  /** In per cent of the used bytes. */
  readonly workingSet: number;
  /** The host of VMs whose host is not said. */
  readonly host: string | undefined;
}

/** Which VMs of an inventory are taken over. */
export interface Selection {
  readonly poweredOff: 'skip' | 'keep';
}

/** The fleet of an inventory. */
export interface FleetFound {
  readonly fleet: Fleet;
  readonly problems: readonly ImportProblem[];
  /** How many disks have an assumed size, and how many an assumed used part. */
  readonly assumed: { readonly sizes: number; readonly used: number };
}

/** The fleet of an inventory, and what had to be changed, assumed or left out for it. */
export function fleetOf(vms: readonly InventoryVm[], assumptions: Assumptions, selection: Selection): FleetFound {
  const problems: ImportProblem[] = [];
  const hosts = new Map<string, EstateHost>();
  const taken = { vms: new Set<string>(), hosts: new Set<string>() };
  const assumed = { sizes: 0, used: 0 };
  const made = vms.flatMap((said): readonly FleetVm[] => {
    const vm = { ...said, platform: said.platform ?? assumptions.platform ?? 'kvm' };
    const say: Say = (severity, message) =>
      void problems.push({ severity, file: vm.file, line: vm.line, vm: vm.name, message });
    const guest = guestToMove(vm, selection, say);
    if (guest === undefined) return [];
    if (said.platform === undefined && assumptions.platform === undefined)
      say('warning', 'is on a platform that the inventory does not say: taken as kvm; --platform says another');
    const name = freeName(vm.name, taken.vms);
    if (name !== vm.name)
      problems.push({
        ...{ severity: 'warning', file: vm.file, line: vm.line, vm: vm.name, now: name },
        message: 'has another name here: names are unique and have letters, digits, ".", "_" and "-"',
      });
    const disks = disksOf(vm.disks, { assumptions, assumed, say });
    const used = disks.reduce((sum, disk) => sum + disk.used, 0);
    const { application, tags } = vm;
    return [
      {
        ...{ name, link: 'wan', guest, disks },
        host: hostFor(vm, { hosts, taken: taken.hosts, host: assumptions.host, say }),
        ...(application !== undefined && { application: short(application) }),
        ...(tags.length > 0 && { tags: tags.map(short) }),
        writes: {
          rate: assumptions.writes,
          pattern: 'daily',
          workingSet: bytes(alignUp((used * assumptions.workingSet) / 100, MiB)),
        },
      },
    ];
  });
  return { fleet: { hosts: [...hosts.values()], vms: made }, problems, assumed };
}

type PlacedVm = InventoryVm & { readonly platform: SourcePlatform };
type Say = (severity: ImportProblem['severity'], message: string) => void;

/** The guest of a VM that is to be taken over; nothing, with the reason said, if it is not. */
function guestToMove(vm: PlacedVm, { poweredOff }: Selection, say: Say): GuestName | undefined {
  const skip = (message: string): undefined => {
    say('skipped', message);
    return undefined;
  };
  if (vm.isTemplate) return skip('is a template');
  if (vm.power === 'off' && poweredOff === 'skip')
    return skip('is powered off: an agent moves what runs; --powered-off keep takes it all the same');
  if (vm.disks.length === 0) return skip('has no disk');
  const match = guestOf(vm.guest, vm.platform);
  if (match.type === 'foreign') return skip(`runs ${JSON.stringify(vm.guest)}: neither Linux nor Windows`);
  if (vm.power === 'unknown') say('warning', 'may be off: the inventory does not say, and it is taken as running');
  if (match.type === 'nearest')
    say('warning', `runs ${JSON.stringify(vm.guest)}: taken as the nearest known, ${match.guest}`);
  if (match.type === 'unknown') say('warning', `runs what the inventory does not say: taken as ${match.guest}`);
  return match.guest;
}

interface Assuming {
  readonly assumptions: Assumptions;
  readonly assumed: { sizes: number; used: number };
  readonly say: Say;
}

function disksOf(found: readonly InventoryDisk[], { assumptions, assumed, say }: Assuming): readonly EstateDisk[] {
  const ids = new Set<string>();
  return found.map(({ name, size: said, used: allocated, untracked, isShared }, i) => {
    // A size of zero is how inventories say that they do not know.
    const isSized = said !== undefined && said > 0;
    if (!isSized) assumed.sizes += 1;
    if (!isSized) say('warning', 'has a disk whose size is not said: it is assumed');
    const size = isSized ? bytes(said) : assumptions.diskSize;
    if (allocated === undefined) assumed.used += 1;
    if (allocated === undefined) say('warning', 'has a disk whose used part is not said: it is assumed');
    // Files of sparse disks are a little larger than the disks when these are full.
    const used = Math.min(size, allocated ?? alignUp((size * assumptions.used) / 100, MiB));
    if (untracked !== undefined) say('warning', `has writes that its platform cannot track: ${untracked}`);
    if (isShared) say('warning', 'shares a disk with others: here each of them has one of its own');
    return {
      id: diskId(freeName(name ?? `disk${i}`, ids)),
      ...{ size, used: bytes(used), tracked: untracked === undefined },
    };
  });
}

interface Placing {
  readonly hosts: Map<string, EstateHost>;
  readonly taken: Set<string>;
  readonly host: string | undefined;
  readonly say: Say;
}

function hostFor({ host: said, platform }: PlacedVm, { hosts, taken, host: given, say }: Placing): string {
  const name = said ?? given ?? `${platform}-1`;
  if (said === undefined && given === undefined)
    say('warning', `is on a host that the inventory does not name: taken as ${name}; --host names it`);
  const key = JSON.stringify([name, platform]);
  const known = hosts.get(key);
  if (known) return known.name;
  const made: EstateHost = { name: freeName(name, taken), platform, read: hostRead };
  hosts.set(key, made);
  return made.name;
}

const nameMax = 100;

/** The name as an estate can have it, and not one that is taken already. */
function freeName(said: string, taken: Set<string>): string {
  const plain = said
    .normalize('NFKD')
    .replaceAll(/\p{Mn}/gu, '')
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .replace(/-+$/, '')
    .slice(0, nameMax);
  const base = plain === '' ? 'unnamed' : plain;
  let name = base;
  for (let n = 2; taken.has(name); n += 1) name = `${base.slice(0, nameMax - 7)}-${n}`;
  taken.add(name);
  return name;
}

const short = (text: string): string => text.slice(0, 200);

/** What is assumed where nobody says otherwise: the means of a generated fleet of mixed VMs. */
export const usualAssumptions: Assumptions = {
  ...{ diskSize: profiles.mixed.diskSize, used: 50, writes: profiles.mixed.writes, workingSet: 5 },
  ...{ host: undefined, platform: undefined },
};
