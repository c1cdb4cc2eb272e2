import { diskId } from '#core/ids';
import type { SourcePlatform } from '#core/migration/plan';
import type { Rng } from '#core/rng';
import { alignUp, bytes, bytesPerSecond, GiB, MiB, type Bytes, type BytesPerSecond } from '#core/units';
import type { EstateDisk, EstateHost, EstateVm } from './estate.ts';
import type { GuestName } from './guest.ts';
import type { WritePattern } from './write-model.ts';

/** What a generated fleet is like. The means are over many VMs; single ones differ a lot. */
export interface FleetShape {
  readonly vms: number;
  /** One for twenty VMs if not given. */
  readonly hosts?: number | undefined;
  readonly platforms: readonly SourcePlatform[];
  readonly diskSize: Bytes;
  readonly writes: BytesPerSecond;
  readonly link: string;
}

/** A role that VMs have in a fleet, and how it differs from the mean VM. Sizes and rates are in per cent of the mean. */
interface Role {
  readonly name: string;
  readonly share: number;
  readonly disks: readonly [from: number, to: number];
  readonly size: number;
  readonly writes: number;
  readonly pattern: WritePattern;
  /** The part of its allocated bytes that is written over and over, in per cent. */
  readonly workingSet: readonly [from: number, to: number];
}

/**
 * @differs The mix of roles and their ratios are assumed; no inventory stands behind them.
 */
const roles: readonly Role[] = [
  { name: 'web', share: 30, disks: [1, 1], size: 50, writes: 30, pattern: 'daily', workingSet: [1, 5] },
  { name: 'app', share: 35, disks: [1, 2], size: 80, writes: 80, pattern: 'daily', workingSet: [2, 8] },
  { name: 'db', share: 12, disks: [2, 4], size: 200, writes: 350, pattern: 'daily', workingSet: [5, 25] },
  { name: 'file', share: 8, disks: [1, 3], size: 400, writes: 60, pattern: 'daily', workingSet: [1, 4] },
  { name: 'batch', share: 10, disks: [1, 2], size: 100, writes: 150, pattern: 'nightly', workingSet: [5, 20] },
  { name: 'mail', share: 5, disks: [2, 3], size: 250, writes: 120, pattern: 'steady', workingSet: [3, 10] },
];

const guestsOn: Readonly<Record<SourcePlatform, readonly GuestName[]>> = {
  kvm: ['debian-12', 'ubuntu-22.04', 'rhel-9', 'rhel-9', 'sles-15', 'windows-2019'],
  hyperv: ['windows-2016', 'windows-2019', 'windows-2019', 'windows-2022', 'ubuntu-22.04', 'rhel-9'],
  ahv: ['rhel-9', 'ubuntu-22.04', 'debian-12', 'windows-2019', 'windows-2022'],
};

// What was published for one host with many disks read at once.
const hostRead = bytesPerSecond(253_000_000);

/** A fleet from a seed. Each VM has a stream of chance of its own. */
export function generateFleet(
  rng: Rng,
  shape: FleetShape,
): { readonly hosts: readonly EstateHost[]; readonly vms: readonly EstateVm[] } {
  const hostCount = shape.hosts ?? Math.ceil(shape.vms / 20);
  const hosts = Array.from({ length: hostCount }, (_, i): EstateHost => {
    const platform = shape.platforms[i % shape.platforms.length] ?? 'kvm';
    return { name: `${platform}-${numbered(i + 1, hostCount)}`, platform, read: hostRead };
  });
  const vms = Array.from({ length: shape.vms }, (_, i) =>
    generateVm(rng.fork(`vm ${i}`), numbered(i + 1, shape.vms), hosts, shape),
  );
  return { hosts, vms };
}

const numbered = (n: number, of: number): string => String(n).padStart(Math.max(2, String(of).length), '0');

function generateVm(rng: Rng, number: string, hosts: readonly EstateHost[], shape: FleetShape): EstateVm {
  const role = pickRole(rng);
  const host = rng.pick(hosts);
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
    name: `${role.name}-${number}`,
    host: host.name,
    link: shape.link,
    guest: rng.pick(guestsOn[host.platform]),
    disks,
    writes: {
      rate: bytesPerSecond(Math.round(rate)),
      pattern: role.pattern,
      workingSet: bytes(alignUp((used * rng.between(...role.workingSet)) / 100, MiB)),
    },
  };
}

function pickRole(rng: Rng): Role {
  let left = rng.between(
    1,
    roles.reduce((sum, { share }) => sum + share, 0),
  );
  for (const role of roles) {
    left -= role.share;
    if (left <= 0) return role;
  }
  return rng.pick(roles);
}
