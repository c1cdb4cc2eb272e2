import type { Check } from '#core/migration/facts';
import { GiB, type Bytes, type Ratio } from '#core/units';
import { guests } from '#simulator/estate/guest';
import type { Estate, EstateVm } from '#simulator/estate/estate';
import type { CheckLimits } from './assumptions.ts';
import { replicaSize } from './datastores.ts';
import { linkOf } from './network.ts';

const check = (id: string, verdict: Check['verdict'], message: string, remedy = ''): Check => ({
  id,
  verdict,
  message,
  remedy,
});

/** What the checks before replication stand on, beside the estate. */
export interface VerificationGround {
  readonly limits: CheckLimits;
  readonly hostAnswers: boolean;
  /** Bytes left for the replica; undefined where nobody counts. */
  readonly room: Bytes | undefined;
}

/** What is looked at before replication begins. */
export function verificationChecks(
  estate: Estate,
  vm: EstateVm,
  { limits, hostAnswers, room }: VerificationGround,
): readonly Check[] {
  const { bandwidthMin, roundTripMax, lossMax, disksMax } = limits;
  const link = linkOf(estate, vm);
  const fits =
    link.bandwidth >= bandwidthMin && 2 * link.latency <= roundTripMax && partOf(link.loss) <= partOf(lossMax);
  return [
    hostAnswers
      ? check('source-reachable', 'passed', `host ${vm.host} answers`)
      : check('source-reachable', 'failed', `host ${vm.host} does not answer`, 'see why, then verify again'),
    check('guest-supported', 'passed', `${vm.guest} is a supported ${guests[vm.guest].family} guest`),
    ...vm.disks.map(({ id, tracked }) =>
      tracked
        ? check(`disk-trackable:${id}`, 'passed', `writes to ${id} can be tracked`)
        : check(
            `disk-trackable:${id}`,
            'warning',
            `writes to ${id} cannot be tracked: it is compared by digest in each round`,
            'move the disk to a format that tracks writes',
          ),
    ),
    vm.disks.length <= disksMax
      ? check('disk-count', 'passed', `${vm.disks.length} of at most ${disksMax} disks`)
      : check('disk-count', 'failed', `${vm.disks.length} disks, at most ${disksMax}`, 'move disks to another VM'),
    fits
      ? check('network', 'passed', `link ${link.name} is fast enough`)
      : check(
          'network',
          'failed',
          `link ${link.name} is below ${(8 * bandwidthMin) / 1e6} Mbit/s, above ${roundTripMax} ms round trip or above ${100 * partOf(lossMax)} % loss`,
          'use another link',
        ),
    ...(room === undefined ? [] : [spaceCheck(vm, room)]),
  ];
}

const spaceCheck = (vm: EstateVm, room: Bytes): Check =>
  replicaSize(vm) <= room
    ? check('target-space', 'passed', `datastore ${vm.datastore} has room for the replica`)
    : check(
        'target-space',
        'failed',
        `datastore ${vm.datastore} has ${inGiB(room)} GiB left, and the replica needs ${inGiB(replicaSize(vm))} GiB`,
        'free space on the datastore, or choose another one',
      );

const inGiB = (size: number): number => Math.round(size / GiB);

const partOf = ({ numerator, denominator }: Ratio): number => numerator / denominator;

/** What is looked at on a target that runs, or on a replica that is the result itself. */
export const validationChecks = (handOver: 'launch' | 'replica'): readonly Check[] =>
  handOver === 'launch'
    ? [
        check('guest-answers', 'passed', 'the guest reports that it runs'),
        check('network-answers', 'passed', 'the address of the source answers at the target'),
      ]
    : [check('content-equal', 'passed', 'every disk of the replica has the root of its source')];

/** What was changed so that the guest starts on the target's hardware. */
export function fixUpFindings({ guest }: EstateVm): readonly Check[] {
  return guests[guest].family === 'linux'
    ? [
        check('boot-drivers', 'passed', 'the initial file system of every kernel has the drivers of the target'),
        check('device-names', 'passed', 'file systems are mounted by UUID'),
        check('network-names', 'passed', 'addresses are bound to the new adapter'),
      ]
    : [
        check('boot-drivers', 'passed', 'the storage driver starts with the system'),
        check('disk-policy', 'passed', 'all disks come online'),
        check('network-names', 'passed', 'addresses are carried to the new adapter'),
      ];
}
