import type { SourcePlatform } from '#core/migration/plan';
import { bytes, bytesPerSecond, KiB, MiB, millis, ratio } from '#core/units';
import { guests, type GuestDurations, type GuestName, type GuestProfile } from '#simulator/estate/guest';
import { platforms, type PlatformProfile } from '#simulator/estate/platform';
import type { Constant, ConstantKind, Constants, ConstantValues } from './constant.ts';

const assumed = 'assumed';
const one =
  <K extends ConstantKind>(kind: K) =>
  (value: ConstantValues[K], what: string, source: string): Constant<K> => ({ kind, value, what, source });
const span = one('span');
const size = one('size');
const rate = one('rate');
const count = one('count');

const guestConstants = ({ stop, fixUp, boot }: GuestProfile): Constants<GuestDurations> => ({
  stop: span(stop, 'services stop and the guest shuts down', assumed),
  fixUp: span(fixUp, 'the replica is changed to start on the hardware of the target', assumed),
  boot: span(boot, 'from power on until the guest answers', assumed),
});

const platformConstants = (profile: PlatformProfile): Constants<PlatformProfile> => ({
  begin: span(profile.begin, 'change tracking is begun and the replica’s empty disks are made', assumed),
  openRound: span(profile.openRound, 'a change mark is frozen and the disks become readable', assumed),
  fence: span(profile.fence, 'the source is put off and kept off', assumed),
  powerOff: span(profile.powerOff, 'the source is powered off without asking its guest', assumed),
  powerOn: span(profile.powerOn, 'the source is powered on again', assumed),
  release: span(profile.release, 'everything of ours is taken off the source', assumed),
  stun: span(
    profile.stun,
    'the guest stands still while its change mark is frozen, and again while it is merged',
    assumed,
  ),
  mergePerGiB: span(profile.mergePerGiB, 'for each GiB that was written in a round: its checkpoint is merged', assumed),
});

const mapped = <K extends string, V, W>(table: Readonly<Record<K, V>>, to: (value: V) => W): Readonly<Record<K, W>> =>
  Object.fromEntries(Object.entries<V>(table).map(([name, value]) => [name, to(value)])) as Record<K, W>;

const osamNetwork = 'HCX OSAM network minimums: 50 Mbit/s, 150 ms round trip, 1 % loss (second-hand)';

/** Every constant of the flow world with its default and its source. `assumed`: nobody has measured or published it. */
export const constants = {
  guests: mapped<GuestName, GuestProfile, Constants<GuestDurations>>(guests, guestConstants),
  platforms: mapped<SourcePlatform, PlatformProfile, Constants<PlatformProfile>>(platforms, platformConstants),
  target: {
    clone: span([8, 25], 'a clone of the replica is made for a test', assumed),
    remove: span([3, 10], 'the clone of a test is removed', assumed),
    powerOff: span([1, 5], 'the target is powered off', assumed),
    powerOn: span([4, 15], 'the target is made and powered on', assumed),
    connect: span([2, 6], 'the network adapter is connected', assumed),
  },
  answers: {
    look: span([2, 6], 'a source is looked at, or asked what it did', assumed),
    validate: span([5, 30], 'a target that runs is validated', assumed),
    timeout: span([20, 40], 'one waits for an answer before it counts as lost', assumed),
  },
  rounds: {
    close: span([1, 2], 'what crossed is flushed and roots are compared', assumed),
    connectTimeout: span([10, 20], 'it is noticed that nobody answers', assumed),
    zero: one('share')(ratio(1, 20), 'the part of a full sync that is zero and crosses as a range', assumed),
    grain: size(
      bytes(64 * KiB),
      'what differs in one byte of it crosses whole',
      'QEMU dirty bitmaps: default granularity',
    ),
  },
  streams: {
    diskMax: rate(
      bytesPerSecond(76_500_000),
      'one disk read alone',
      'Forklift, measured warm copy of one disk alone: 76.5 MB/s',
    ),
    connections: count(8, 'TCP connections of one stream', assumed),
    window: size(bytes(4 * MiB), 'bytes that one connection has on the way', assumed),
    segment: size(
      bytes(1_448),
      'bytes of content in one packet',
      'Ethernet’s 1500 bytes less the headers of IPv4, and of TCP with timestamps',
    ),
  },
  compute: {
    digestPerCore: rate(bytesPerSecond(1_000_000_000), 'reading and digests, on one core of a source host', assumed),
    streamPerCore: rate(bytesPerSecond(250_000_000), 'TLS and frames, on one core of a gateway or receiver', assumed),
  },
  services: {
    stop: span([2, 8], 'one service more comes to rest, on top of the guest’s own time', assumed),
  },
  limits: {
    bandwidthMin: rate(bytesPerSecond(6_250_000), 'the slowest link that passes the check', osamNetwork),
    roundTripMax: one('duration')(millis(150), 'the longest round trip that passes the check', osamNetwork),
    lossMax: one('share')(ratio(1, 100), 'the greatest loss that passes the check', osamNetwork),
    disksMax: count(
      14,
      'the most disks of one VM',
      'HCX K441937: the slots of one SCSI controller less its own and the fix-up disk (inferred)',
    ),
  },
};
