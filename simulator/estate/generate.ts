import { diskId } from '#core/ids';
import type { SourcePlatform } from '#core/migration/plan';
import type { Rng } from '#core/rng';
import { alignUp, bytes, bytesPerSecond, GiB, KiB, MiB, type Bytes, type BytesPerSecond } from '#core/units';
import type { EstateDisk, EstateHost, EstateVm } from './estate.ts';
import { guests, type GuestName } from './guest.ts';
import { profiles, type Application, type Profile, type ProfileName, type Role } from './profiles.ts';

/** What a generated fleet is like. Single VMs differ a lot from the means. */
export interface FleetShape {
  readonly vms: number;
  /** One for twenty VMs if not given. */
  readonly hosts?: number | undefined;
  /** `mixed` if not given. What is not given below is the profile's. */
  readonly profile?: ProfileName | undefined;
  readonly platforms?: readonly SourcePlatform[] | undefined;
  readonly diskSize?: Bytes | undefined;
  readonly writes?: BytesPerSecond | undefined;
  readonly link: string;
}

/** A VM with what an inventory says of its place among others. */
export interface FleetVm extends EstateVm {
  /** The application it belongs to: VMs that move together. */
  readonly application?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** VMs that must have been cut over before. */
  readonly after?: readonly string[] | undefined;
}

/** Hosts and the VMs on them. */
export interface Fleet {
  readonly hosts: readonly EstateHost[];
  readonly vms: readonly FleetVm[];
}

const guestsOn: Readonly<Record<SourcePlatform, readonly GuestName[]>> = {
  kvm: ['debian-12', 'ubuntu-22.04', 'rhel-9', 'rhel-9', 'sles-15', 'windows-2019'],
  hyperv: ['windows-2016', 'windows-2019', 'windows-2019', 'windows-2022', 'ubuntu-22.04', 'rhel-9'],
  ahv: ['rhel-9', 'ubuntu-22.04', 'debian-12', 'windows-2019', 'windows-2022'],
};

/** What was published for one host with many disks read at once (Forklift, warm copies). */
export const hostRead = bytesPerSecond(253_000_000);

/** A fleet from a seed. Each VM has a stream of chance of its own. */
export function generateFleet(rng: Rng, shape: FleetShape): Fleet {
  const profile: Profile = profiles[shape.profile ?? 'mixed'];
  const platforms = shape.platforms ?? profile.platforms;
  const hostCount = shape.hosts ?? Math.ceil(shape.vms / 20);
  const hosts = Array.from({ length: hostCount }, (_, i): EstateHost => {
    const platform = platforms[i % platforms.length] ?? 'kvm';
    return { name: `${platform}-${numbered(i + 1, hostCount)}`, platform, read: hostRead };
  });
  const made: VmShape = {
    hosts,
    link: shape.link,
    diskSize: shape.diskSize ?? profile.diskSize,
    writes: shape.writes ?? profile.writes,
    // Rates that a person reads in an estate file.
    writesGrain: profile.mix.type === 'applications' ? KiB : 1,
  };
  return { hosts, vms: generateVms(rng, profile, shape.vms, made) };
}

function generateVms(rng: Rng, { mix }: Profile, count: number, shape: VmShape): readonly FleetVm[] {
  if (mix.type === 'applications') return generateApplications(rng, mix.applications, count, shape);
  return Array.from({ length: count }, (_, i) => {
    const own = rng.fork(`vm ${i}`);
    const role = pickByShare(own, mix.roles);
    return generateVm(own, `${role.name}-${numbered(i + 1, count)}`, role, shape);
  });
}

/** Applications one after the other, each whole, until there are enough VMs; the last may lack its last tiers. */
function generateApplications(
  rng: Rng,
  applications: readonly Application[],
  count: number,
  shape: VmShape,
): readonly FleetVm[] {
  const vms: FleetVm[] = [];
  const instances = new Map<string, number>();
  for (let drawn = 0; vms.length < count; drawn += 1) {
    const own = rng.fork(`application ${drawn}`);
    const application = pickByShare(own, applications);
    const instance = (instances.get(application.name) ?? 0) + 1;
    instances.set(application.name, instance);
    vms.push(...generateApplication(own, `${application.name}-${numbered(instance, 99)}`, application, shape));
  }
  return vms.slice(0, count);
}

function generateApplication(rng: Rng, name: string, { tiers }: Application, shape: VmShape): readonly FleetVm[] {
  const vms: FleetVm[] = [];
  let before: readonly string[] = [];
  for (const { role, vms: range } of tiers) {
    const size = rng.between(...range);
    const tier = Array.from({ length: size }, (_, i): FleetVm => {
      const isAlone = tiers.length === 1;
      const vm = generateVm(
        rng.fork(`${role.name} ${i}`),
        isAlone ? name : `${name}-${role.name}-${i + 1}`,
        role,
        shape,
      );
      return {
        ...vm,
        ...(!isAlone && { application: name }),
        tags: [role.name],
        ...(before.length > 0 && { after: before }),
      };
    });
    vms.push(...tier);
    before = tier.map(({ name: member }) => member);
  }
  return vms;
}

const numbered = (n: number, of: number): string => String(n).padStart(Math.max(2, String(of).length), '0');

interface VmShape {
  readonly hosts: readonly EstateHost[];
  readonly link: string;
  readonly diskSize: Bytes;
  readonly writes: BytesPerSecond;
  readonly writesGrain: number;
}

function generateVm(rng: Rng, name: string, role: Role, shape: VmShape): FleetVm {
  const host = rng.pick(shape.hosts);
  const count = rng.between(...role.disks);
  const disks = Array.from({ length: count }, (_, i): EstateDisk => {
    const wanted = (shape.diskSize * role.size * rng.between(40, 200)) / (100 * 100 * count);
    const size = Math.max(8 * GiB, alignUp(wanted, GiB));
    const used = alignUp((size * rng.between(20, 80)) / 100, MiB);
    return { id: diskId(`disk${i}`), size: bytes(size), used: bytes(used), tracked: true };
  });
  const used = disks.reduce((sum, disk) => sum + disk.used, 0);
  const rate = (shape.writes * role.writes * rng.between(30, 300)) / (100 * 130);
  return {
    name,
    host: host.name,
    link: shape.link,
    guest: rng.pick(guestsFor(host.platform, role)),
    disks,
    writes: {
      rate: bytesPerSecond(alignUp(Math.round(rate), shape.writesGrain)),
      pattern: role.pattern,
      workingSet: bytes(alignUp((used * rng.between(...role.workingSet)) / 100, MiB)),
    },
  };
}

function guestsFor(platform: SourcePlatform, { family }: Role): readonly GuestName[] {
  const all = guestsOn[platform];
  return family === undefined ? all : all.filter((guest) => guests[guest].family === family);
}

function pickByShare<T extends { readonly share: number }>(rng: Rng, items: readonly T[]): T {
  let left = rng.between(
    1,
    items.reduce((sum, { share }) => sum + share, 0),
  );
  for (const item of items) {
    left -= item.share;
    if (left <= 0) return item;
  }
  return rng.pick(items);
}
