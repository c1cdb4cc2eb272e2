import type { Check } from '#core/migration/facts';
import { guests } from '#simulator/estate/guest';
import type { Estate, EstateVm } from '#simulator/estate/estate';
import { linkOf } from './network.ts';

// What the product we resemble asks of a network, and how many disks fit its one controller.
const bandwidthMin = 6_250_000;
const roundTripMax = 150;
const lossMax = 0.01;
const disksMax = 14;

const check = (id: string, verdict: Check['verdict'], message: string, remedy = ''): Check => ({
  id,
  verdict,
  message,
  remedy,
});

/** What is looked at before replication begins. */
export function verificationChecks(estate: Estate, vm: EstateVm): readonly Check[] {
  const link = linkOf(estate, vm);
  const loss = link.loss.numerator / link.loss.denominator;
  const fits = link.bandwidth >= bandwidthMin && 2 * link.latency <= roundTripMax && loss <= lossMax;
  return [
    check('source-reachable', 'passed', `host ${vm.host} answers`),
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
          `link ${link.name} is below 50 Mbit/s, above ${roundTripMax} ms round trip or above 1 % loss`,
          'use another link',
        ),
  ];
}

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
