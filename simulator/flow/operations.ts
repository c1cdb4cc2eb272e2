import type { Effect, SideEffectType } from '#core/migration/effects';
import type { MigrationFact } from '#core/migration/facts';
import { unreachable } from '#core/invariant';
import type { Rng } from '#core/rng';
import { millis, type Instant, type Millis } from '#core/units';
import type { Span } from '#simulator/estate/guest';
import { fixUpFindings } from './checks.ts';
import type { Machine } from './machine.ts';

/**
 * One thing done to the world, step by step: each takes its time and then changes something. Given up in between, what
 * was changed stays changed. At the end stands what it came to.
 */
export interface Operation {
  readonly steps: readonly OperationStep[];
  readonly facts: () => readonly MigrationFact[];
}

interface OperationStep {
  readonly takes: Millis;
  readonly change: ((at: Instant) => void) | undefined;
  /** It is a task of the target platform, which may be busy with others. */
  readonly isTask: boolean;
}

/** Draws a duration from a span of seconds. */
export const drawn = (rng: Rng, [from, to]: Span): Millis =>
  millis(rng.between(Math.round(from * 1_000), Math.round(to * 1_000)));

/**
 * What a side effect does to one VM's parts. It asks where they stand before it changes them, as a connector does.
 *
 * @differs The durations are assumed; sizes make no difference to them.
 */
export function operationOf(effect: Extract<Effect, { type: SideEffectType }>, machine: Machine, rng: Rng): Operation {
  const { vm } = machine;
  const { guest, source, target: spans } = durationsOf(machine);
  const take = (span: Span, change?: (at: Instant) => void): OperationStep => ({
    takes: drawn(rng, span),
    change,
    isTask: false,
  });
  const task: Take = (span, change) => ({ takes: drawn(rng, span), change, isTask: true });
  switch (effect.type) {
    case 'initiateReplication':
      return {
        steps: [
          take(source.begin, (at) => {
            machine.tracking = 'on';
            machine.writes.mark(at);
            machine.replica = { made: true, fixedUp: false };
          }),
        ],
        facts: () => [
          {
            type: 'ReplicationInitiated',
            data: { disks: vm.disks.map(({ id, tracked }) => ({ disk: id, tracked })) },
          },
        ],
      };
    case 'launchTest':
      return {
        steps: [task(spans.clone), take(guest.fixUp), take(guest.boot, () => (machine.clone = 'running'))],
        facts: () => [{ type: 'TestLaunched', data: { vm: `${vm.name}-test` } }],
      };
    case 'cleanUpTest':
      return {
        steps: [task(spans.remove, () => (machine.clone = 'none'))],
        facts: () => [{ type: 'TestCleanedUp', data: {} }],
      };
    case 'quiesceSource':
      return {
        steps: effect.params.force
          ? [take(source.powerOff, (at) => stopSource(machine, at))]
          : [...servicesStop(machine, rng), take(guest.stop, (at) => stopSource(machine, at))],
        facts: () => [
          {
            type: 'SourceQuiesced',
            data: { method: effect.params.force ? 'power off' : 'guest shutdown', found: 'running' },
          },
        ],
      };
    case 'fenceSource':
      return {
        steps: [
          take(source.fence, (at) => {
            stopSource(machine, at);
            machine.source = { power: 'off', connected: false };
          }),
        ],
        facts: () => [{ type: 'SourceFenced', data: { proof: `off and disconnected, says host ${vm.host}` } }],
      };
    default:
      return targetOperation(effect, machine, { take, task });
  }
}

/** How long the parts of one VM's migration take for what is asked of them. */
const durationsOf = ({ vm, platform, assumptions: { guests, platforms, target } }: Machine) => ({
  guest: guests[vm.guest],
  source: platforms[platform],
  target,
});

type Take = (span: Span, change?: (at: Instant) => void) => OperationStep;
// Drawn from a stream of its own: guests without services draw what they always drew.
function servicesStop({ vm: { services = 0 }, assumptions }: Machine, rng: Rng): readonly OperationStep[] {
  const [from, to] = assumptions.services.stop;
  if (services === 0) return [];
  const takes = drawn(rng.fork('services'), [services * from, services * to]);
  return [{ takes, change: undefined, isTask: false }];
}

type SourceEffect = 'initiateReplication' | 'launchTest' | 'cleanUpTest' | 'quiesceSource' | 'fenceSource';

function targetOperation(
  effect: Extract<Effect, { type: Exclude<SideEffectType, SourceEffect> }>,
  machine: Machine,
  { take, task }: { readonly take: Take; readonly task: Take },
): Operation {
  const { vm } = machine;
  const { guest, source, target: spans } = durationsOf(machine);
  switch (effect.type) {
    case 'fixUpReplica':
      return {
        steps: [take(guest.fixUp, () => (machine.replica = { ...machine.replica, fixedUp: true }))],
        facts: () => [{ type: 'ReplicaFixedUp', data: { findings: fixUpFindings(vm) } }],
      };
    case 'launchTarget':
      return {
        steps: [task(spans.powerOn, () => (machine.target = { power: 'running', connected: false })), take(guest.boot)],
        facts: () => [{ type: 'TargetLaunched', data: { vm: vm.name } }],
      };
    case 'connectTarget':
      return {
        steps: [
          task(spans.connect, () => {
            // A connector asks before it connects: two that answer to one address are worse than none.
            if (mayConnect(machine)) machine.target = { power: 'running', connected: true };
          }),
        ],
        facts: () => [connected(machine)],
      };
    case 'rollBack':
      return {
        steps: [
          ...(machine.target.power === 'running'
            ? [task(spans.powerOff, () => (machine.target = { power: 'none', connected: false }))]
            : []),
          ...(machine.source.power === 'off'
            ? [take(source.powerOn, (at) => startSource(machine, at)), take(guest.boot)]
            : [take(spans.connect, (at) => startSource(machine, at))]),
        ],
        facts: () => [{ type: 'RolledBack', data: { source: 'running' } }],
      };
    case 'releaseSource':
      return {
        steps: [take(source.release, () => (machine.tracking = 'none'))],
        facts: () => [{ type: 'SourceReleased', data: { removed: ['change mark', 'export'] } }],
      };
    case 'retireSource':
      return {
        steps: [take(source.release, () => (machine.tracking = 'none'))],
        facts: () => [{ type: 'SourceRetired', data: { note: 'off, disconnected, and annotated as migrated' } }],
      };
    default:
      return unreachable(effect);
  }
}

const mayConnect = ({ source, target }: Machine): boolean =>
  target.power === 'running' && !(source.power === 'running' && source.connected);

const connected = (machine: Machine): MigrationFact =>
  machine.target.connected
    ? { type: 'TargetConnected', data: { networks: ['production'] } }
    : {
        type: 'ConnectionFailed',
        data: {
          reason:
            machine.target.power === 'running'
              ? { type: 'SourceIsConnected', detail: 'the source runs and is connected' }
              : { type: 'TargetNotRunning', detail: 'there is no target that runs' },
        },
      };

function stopSource(machine: Machine, at: Instant): void {
  machine.writes.stop(at);
  machine.source = { ...machine.source, power: 'off' };
}

function startSource(machine: Machine, at: Instant): void {
  machine.source = { power: 'running', connected: true };
  machine.replica = { ...machine.replica, fixedUp: false };
  machine.writes.start(at);
}
