import { sourcePlatforms, type SourcePlatform } from '#core/migration/plan';
import { bytes, bytesPerSecond, GiB, KiB, type Bytes, type BytesPerSecond } from '#core/units';
import type { WritePattern } from './write-model.ts';

/**
 * Kinds of organisation, as far as their VMs go: which roles there are, which applications they make up, and in which
 * order the VMs of one application may move.
 *
 * Every number here is *assumed*, so that a fleet has the differences that matter to a wave: few large disks among many
 * small ones, a few databases with most of the writes, batch windows at night, applications whose tiers must follow each
 * other. Where an inventory is at hand, import it instead.
 *
 * @differs Roles, applications and their ratios are assumed; no inventory stands behind them.
 */

/** A role that VMs have in a fleet, and how it differs from the mean VM. Sizes and rates are in per cent of the mean. */
export interface Role {
  readonly name: string;
  readonly disks: Range;
  readonly size: number;
  readonly writes: number;
  readonly pattern: WritePattern;
  /** The part of its allocated bytes that is written over and over, in per cent. */
  readonly workingSet: Range;
  /** Where one family of operating systems is usual for it. */
  readonly family?: 'linux' | 'windows';
}

/** From and to, both included. */
export type Range = readonly [from: number, to: number];

/** Several VMs of one role within an application. */
export interface Tier {
  readonly role: Role;
  readonly vms: Range;
}

/** An application: its tiers in the order in which they move, for a tier needs the ones before it. */
export interface Application {
  readonly name: string;
  /** How often it is drawn, against the others. */
  readonly share: number;
  readonly tiers: readonly Tier[];
}

/** A kind of organisation. */
export interface Profile {
  readonly what: string;
  /** In the proportion in which hosts have them: one that is named twice is twice as frequent. */
  readonly platforms: readonly SourcePlatform[];
  /** The mean over all VMs, as are `writes`. */
  readonly diskSize: Bytes;
  readonly writes: BytesPerSecond;
  /** Single VMs drawn by share, or applications drawn by share. */
  readonly mix:
    | { readonly type: 'single'; readonly roles: readonly (Role & { readonly share: number })[] }
    | { readonly type: 'applications'; readonly applications: readonly Application[] };
}

const web: Role = { name: 'web', disks: [1, 1], size: 50, writes: 30, pattern: 'daily', workingSet: [1, 5] };
const app: Role = { name: 'app', disks: [1, 2], size: 80, writes: 80, pattern: 'daily', workingSet: [2, 8] };
const db: Role = { name: 'db', disks: [2, 4], size: 200, writes: 350, pattern: 'daily', workingSet: [5, 25] };
const file: Role = { name: 'file', disks: [1, 3], size: 400, writes: 60, pattern: 'daily', workingSet: [1, 4] };
const batch: Role = { name: 'batch', disks: [1, 2], size: 100, writes: 150, pattern: 'nightly', workingSet: [5, 20] };
const mail: Role = { name: 'mail', disks: [2, 3], size: 250, writes: 120, pattern: 'steady', workingSet: [3, 10] };
const queue: Role = { name: 'queue', disks: [1, 2], size: 60, writes: 250, pattern: 'steady', workingSet: [5, 15] };
const cache: Role = { name: 'cache', disks: [1, 1], size: 30, writes: 40, pattern: 'daily', workingSet: [10, 40] };
const directory: Role = {
  ...{ name: 'directory', disks: [1, 1], size: 60, writes: 20, pattern: 'daily', workingSet: [1, 3] },
  family: 'windows',
};
const desktop: Role = {
  ...{ name: 'desktop', disks: [1, 1], size: 55, writes: 50, pattern: 'daily', workingSet: [2, 8] },
  family: 'windows',
};
const ledger: Role = { name: 'ledger', disks: [3, 6], size: 500, writes: 900, pattern: 'daily', workingSet: [5, 20] };
const warehouse: Role = {
  ...{ name: 'warehouse', disks: [3, 6], size: 900, writes: 600, pattern: 'nightly', workingSet: [10, 30] },
};
// Pictures are written once and hardly ever again.
const archive: Role = { name: 'archive', disks: [2, 6], size: 1_200, writes: 90, pattern: 'daily', workingSet: [1, 2] };
const recorder: Role = {
  name: 'recorder',
  disks: [1, 3],
  size: 150,
  writes: 300,
  pattern: 'steady',
  workingSet: [5, 30],
};
const search: Role = { name: 'search', disks: [1, 2], size: 150, writes: 200, pattern: 'daily', workingSet: [10, 40] };

const alone = (role: Role, share: number): Application => ({
  name: role.name,
  share,
  tiers: [{ role, vms: [1, 1] }],
});
const threeTiers = (
  name: string,
  share: number,
  tiers: Readonly<Record<'db' | 'app' | 'web', Range>>,
): Application => ({
  name,
  share,
  tiers: [
    { role: db, vms: tiers.db },
    { role: app, vms: tiers.app },
    { role: web, vms: tiers.web },
  ],
});

/** Every kind of organisation that fleets are generated for. */
export const profiles = {
  mixed: {
    what: 'single VMs of common roles, on all platforms alike',
    platforms: sourcePlatforms,
    diskSize: bytes(100 * GiB),
    writes: bytesPerSecond(512 * KiB),
    mix: {
      type: 'single',
      roles: [
        { ...web, share: 30 },
        { ...app, share: 35 },
        { ...db, share: 12 },
        { ...file, share: 8 },
        { ...batch, share: 10 },
        { ...mail, share: 5 },
      ],
    },
  },
  bank: {
    what: 'core banking with large ledgers, batch runs at night, payments through queues; Hyper-V and AHV',
    platforms: ['hyperv', 'ahv', 'hyperv', 'kvm'],
    diskSize: bytes(90 * GiB),
    writes: bytesPerSecond(448 * KiB),
    mix: {
      type: 'applications',
      applications: [
        {
          ...{ name: 'core-banking', share: 3 },
          tiers: [
            { role: ledger, vms: [2, 2] },
            { role: queue, vms: [1, 2] },
            { role: app, vms: [3, 6] },
            { role: batch, vms: [1, 3] },
            { role: web, vms: [2, 4] },
          ],
        },
        {
          ...{ name: 'payments', share: 6 },
          tiers: [
            { role: db, vms: [2, 2] },
            { role: queue, vms: [2, 3] },
            { role: app, vms: [2, 4] },
          ],
        },
        threeTiers('online-banking', 10, { db: [1, 2], app: [2, 4], web: [2, 4] }),
        threeTiers('risk', 8, { db: [1, 2], app: [1, 3], web: [1, 1] }),
        {
          ...{ name: 'reporting', share: 4 },
          tiers: [
            { role: warehouse, vms: [1, 1] },
            { role: batch, vms: [2, 4] },
          ],
        },
        threeTiers('branch', 14, { db: [1, 1], app: [1, 2], web: [1, 1] }),
        ...[alone(file, 10), alone(directory, 6), alone(mail, 3), alone(app, 26), alone(web, 10)],
      ],
    },
  },
  hospital: {
    what: 'patient records, picture archives that only grow, recorders beside the beds; mostly Hyper-V',
    platforms: ['hyperv', 'hyperv', 'kvm'],
    diskSize: bytes(110 * GiB),
    writes: bytesPerSecond(320 * KiB),
    mix: {
      type: 'applications',
      applications: [
        threeTiers('patient-records', 8, { db: [2, 2], app: [2, 4], web: [1, 3] }),
        {
          ...{ name: 'imaging', share: 5 },
          tiers: [
            { role: db, vms: [1, 1] },
            { role: archive, vms: [1, 2] },
            { role: app, vms: [1, 3] },
          ],
        },
        {
          ...{ name: 'monitoring', share: 6 },
          tiers: [
            { role: recorder, vms: [1, 3] },
            { role: app, vms: [1, 2] },
          ],
        },
        threeTiers('laboratory', 10, { db: [1, 1], app: [1, 2], web: [1, 1] }),
        threeTiers('billing', 4, { db: [1, 1], app: [1, 2], web: [1, 1] }),
        ...[alone(file, 12), alone(directory, 6), alone(mail, 2), alone(desktop, 25), alone(app, 22)],
      ],
    },
  },
  manufacturer: {
    what: 'planning, plant control that records all day and night, drawings on large file servers; Hyper-V and KVM',
    platforms: ['hyperv', 'kvm'],
    diskSize: bytes(120 * GiB),
    writes: bytesPerSecond(400 * KiB),
    mix: {
      type: 'applications',
      applications: [
        {
          ...{ name: 'planning', share: 4 },
          tiers: [
            { role: ledger, vms: [1, 1] },
            { role: app, vms: [2, 5] },
            { role: batch, vms: [1, 2] },
          ],
        },
        {
          ...{ name: 'plant', share: 12 },
          tiers: [
            { role: recorder, vms: [1, 2] },
            { role: app, vms: [1, 3] },
            { role: web, vms: [1, 1] },
          ],
        },
        {
          ...{ name: 'drawings', share: 5 },
          tiers: [
            { role: db, vms: [1, 1] },
            { role: file, vms: [1, 3] },
          ],
        },
        threeTiers('logistics', 8, { db: [1, 1], app: [1, 3], web: [1, 2] }),
        ...[alone(file, 14), alone(directory, 5), alone(mail, 2), alone(desktop, 20), alone(app, 30)],
      ],
    },
  },
  webshop: {
    what: 'many small front ends, caches and search, a few databases with most of the writes; KVM',
    platforms: ['kvm'],
    diskSize: bytes(50 * GiB),
    writes: bytesPerSecond(640 * KiB),
    mix: {
      type: 'applications',
      applications: [
        {
          ...{ name: 'shop', share: 10 },
          tiers: [
            { role: db, vms: [1, 2] },
            { role: cache, vms: [1, 3] },
            { role: app, vms: [2, 6] },
            { role: web, vms: [3, 8] },
          ],
        },
        {
          ...{ name: 'catalogue', share: 6 },
          tiers: [
            { role: db, vms: [1, 1] },
            { role: search, vms: [2, 4] },
            { role: app, vms: [1, 3] },
          ],
        },
        {
          ...{ name: 'orders', share: 6 },
          tiers: [
            { role: db, vms: [1, 2] },
            { role: queue, vms: [2, 3] },
            { role: app, vms: [2, 4] },
          ],
        },
        {
          ...{ name: 'reporting', share: 2 },
          tiers: [
            { role: warehouse, vms: [1, 1] },
            { role: batch, vms: [1, 3] },
          ],
        },
        ...[alone(batch, 12), alone(app, 25), alone(file, 4), alone(mail, 2)],
      ],
    },
  },
} as const satisfies Record<string, Profile>;

/** The name of a kind of organisation. */
export type ProfileName = keyof typeof profiles;
/** Every kind of organisation by name. */
export const profileNames = Object.keys(profiles) as readonly ProfileName[];
