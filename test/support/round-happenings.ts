import type { Clock } from '#core/clock';
import { diskId } from '#core/ids';
import type { MigrationCommand } from '#core/migration/commands';
import { bytes, bytesPerSecond, ratio } from '#core/units';
import { grain } from '#replicator/pipeline/digest';
import type { Throttle } from '#replicator/pipeline/throttle';
import { proceduralDisk } from '#simulator/block/disk/procedural-disk';
import type { VmCalls } from '#simulator/block/world/vm-calls';
import { firstBlocks, replicas, type RoundSite } from './round-site.ts';
import type { RoundJudge } from './round-judge.ts';
import type { WalkedSource } from './walked-source.ts';

/** Whatever happenings happen to. */
export interface HappeningGround {
  readonly clock: Clock;
  readonly site: RoundSite;
  readonly vm: WalkedSource;
  readonly judge: RoundJudge;
  readonly calls: VmCalls;
  readonly throttle: Throttle;
  readonly manager: { start(): void; kill(): void };
  send(command: MigrationCommand): void;
}

/** What begins may end: then this is called. */
export type HappeningEnd = (() => void) | undefined;

/** What has no end of its own. */
const once =
  (act: (ground: HappeningGround) => void) =>
  (ground: HappeningGround): HappeningEnd => {
    act(ground);
    return undefined;
  };

const isReplica = (path: string): boolean => path.startsWith(replicas);
const isDisk = (path: string): boolean => isReplica(path) && path.endsWith('.raw');
const raised = diskId('added');

/** What may happen to rounds, by its name. */
export const happenings = {
  'the manager dies': ({ manager, judge }) => {
    judge.managerDied();
    manager.kill();
    return () => manager.start();
  },
  'the gateway is killed': ({ site: { gateway } }) => {
    gateway.kill();
    return () => gateway.start();
  },
  'the gateway loses its power': ({ site: { gateway } }) => {
    gateway.losePower();
    return () => gateway.start();
  },
  'another gateway takes its place': ({ site: { gateway } }) => {
    gateway.move();
    return () => gateway.start();
  },
  'the receiver is killed': ({ site: { receiver } }) => {
    receiver.kill();
    return () => receiver.start();
  },
  'the receiver loses its power': ({ site: { receiver }, judge }) => {
    receiver.losePower();
    judge.crashed();
    return () => receiver.start();
  },
  'the link between the sites is cut': once(({ site: { network } }) => network.cut('gateway', 'receiver')),
  'connections between the sites stand still': once(({ site: { network } }) => network.stall('gateway', 'receiver')),
  'the manager is cut off from its gateway': once(({ site: { network } }) => network.cut('manager', 'gateway')),
  'connections to the gateway stand still': once(({ site: { network } }) => network.stall('manager', 'gateway')),
  'nothing passes between the sites': ({ site: { network } }) => {
    const link = network.link('gateway', 'receiver');
    link.partition();
    return () => link.heal();
  },
  'bytes are damaged on their way': ({ site, judge }) => {
    judge.damaged();
    site.damage();
    return undefined;
  },
  'the disk of the receiver fails a sync': ({ site: { volume } }) => volume.fail('sync', { of: isDisk, once: true }),
  'something at the receiver is not synced': ({ site: { volume } }) =>
    volume.fail('sync', { of: isReplica, once: true }),
  'the receiver cannot write': ({ site: { volume } }) => volume.fail('write', { of: isReplica, rate: ratio(1, 4) }),
  'the receiver is full': ({ site: { volume } }) => volume.fail('noSpace', { of: isReplica }),
  'an answer of the source is lost': once(({ calls }) => calls.doom('answerLost')),
  'a call to the source is lost': once(({ calls }) => calls.doom('neverSent')),
  'the source answers late': once(({ calls }) => calls.doom('late')),
  'the source refuses a call': once(({ calls }) => calls.doom('refused')),
  'the hypervisor dies': ({ vm, judge }) => {
    judge.mayLose();
    vm.source.faults.crashHypervisor();
    return () => vm.source.machine.start();
  },
  'the host of the source loses its power': ({ vm, judge }) => {
    judge.mayLose();
    const host = vm.source.faults.host();
    host.down();
    vm.truth.look();
    return () => host.up();
  },
  'the source moves to another host': ({ vm, judge }) => {
    judge.mayLose();
    const host = vm.source.faults.host();
    vm.source.faults.migrate(vm.hosts.find((other) => other !== host) ?? host);
    return undefined;
  },
  'somebody starts the source': once(({ vm, clock }) => {
    if (vm.source.machine.power() === 'off') return vm.source.machine.start();
    void vm.source.hypervisor({ owner: 'somebody', clock }).resume();
  }),
  'marks are gone': ({ vm, judge }) => {
    judge.mayLose();
    vm.source.faults.forgetMarks('silently');
    return undefined;
  },
  'marks are worth nothing': ({ vm, judge }) => {
    judge.mayLose();
    vm.source.faults.forgetMarks('withError');
    return undefined;
  },
  'the source gets another disk': ({ vm, judge }) => {
    if (vm.source.machine.disks.some(({ id }) => id === raised)) return undefined;
    judge.mayLose();
    judge.disksDiffer(true);
    const disk = proceduralDisk({ id: raised, seed: 5, size: bytes(4 * grain) });
    vm.source.faults.addDisk({ disk, untracked: undefined });
    return () => {
      judge.mayLose();
      vm.source.faults.removeDisk(raised);
      judge.disksDiffer(vm.source.machine.disks.some((each, index) => each.size !== vm.disks[index]?.size));
    };
  },
  'a disk of the source grows': ({ vm, judge }) => {
    const disk = vm.source.machine.disks.find(({ id }) => id === vm.disks.at(-1)?.id);
    if (!disk || !vm.source.faults.growDisk(disk.id, bytes(disk.size + grain))) return undefined;
    judge.mayLose();
    judge.disksDiffer(true);
    return undefined;
  },
  'the source cannot be read': ({ site: { unreadable } }) => {
    const bad = firstBlocks(2);
    unreadable.add(bad);
    return () => void unreadable.delete(bad);
  },
  // Once: a second one of the name would be what touches the first.
  'others make marks': once(({ vm }) => {
    if (vm.source.witness.foreign().length === 0) vm.source.faults.plantForeign('walk');
  }),
  'an operator pauses it': ({ send }) => {
    send({ type: 'PauseReplication', data: { reason: 'the link is needed' } });
    return () => send({ type: 'ResumeReplication', data: {} });
  },
  'an operator wants all compared': ({ send }) => {
    send({ type: 'RescanDisks', data: { reason: 'in doubt' } });
    return undefined;
  },
  'it is held to a rate': ({ throttle }) => {
    throttle.set(bytesPerSecond(100_000));
    return () => throttle.set('unlimited');
  },
} as const satisfies Readonly<Record<string, (ground: HappeningGround) => HappeningEnd>>;

/** The name of something that may happen. */
export type HappeningName = keyof typeof happenings;
