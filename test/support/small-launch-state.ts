import type { HypervisorError } from '#core/ports/source-hypervisor';
import type { TargetVm, TargetVmPlan } from '#core/ports/target-platform';
import type { Result } from '#core/result';
import type { Instant, Millis } from '#core/units';
import type { LaunchSite } from '#replicator/live/launch/launch-site';
import type { Step } from './small-source.ts';

/**
 * Where a small migration is launched: an agent, a plug, a fix-up engine and a platform that keep every promise of their
 * ports, and fail when a test says so. A guest boots if its disks were fixed up, and else says on its console why not.
 */
export interface SmallLaunch {
  /** The source's NICs are on their networks. */
  sourceConnected: boolean;
  /** Its sentinel has another way to its gateway than the networks that are taken from it. */
  hasOtherWay: boolean;
  /** What the agent was asked that costs the guest something, in order. */
  readonly asked: ('inspect' | 'look' | 'quiesce' | 'uninstall')[];
  /** Notes left at the source. */
  readonly notes: string[];
  /** Images that were fixed up, by path. What is dropped is gone. */
  readonly images: Map<string, { fixed: boolean; order: string | undefined }>;
  readonly vms: Map<string, SmallVm>;
  /** What was made before it was needed, by folder: the state of the guest it was made of. */
  readonly prepared: Map<string, string>;
  /** What goes wrong from now on. */
  readonly fails: Set<LaunchFailure>;
  /** What becomes of the next calls of an operation, one after the other; then they are carried out and answered. */
  readonly fates: Map<OutsideCall, CallFate[]>;
  /** In which words a call is refused, or a connection breaks. */
  words: { refused: string; lost: string };
  /** Which boot of the source its sentinel tells of. */
  boot: string;
  /** How long the source takes from power-on until its sentinel answers; and until when it does not answer for that. */
  bootTakes: Millis;
  awayUntil: Instant;
  /** How long the copy of a replica takes. */
  copyTakes: Millis;
  /** The sentinel was taken off the target. */
  uninstalled: boolean;
  site(step: Step): LaunchSite;
  /** Called whenever anything changed: a place to assert what must always hold. */
  onChange: (call: string) => void;
  /** Called before a source that is off is powered on. */
  onPowerOn: () => void;
  /** Called when what was asked by a call whose answer was lost is carried out after all. */
  onLate: (call: OutsideCall) => void;
}

/** What goes wrong at a small launch for as long as a test says so. */
export type LaunchFailure =
  'powerOff' | 'plan' | 'refuse' | 'apply' | 'verify' | 'close' | 'keep' | 'validation' | 'launch' | 'uninstallAnswer';

/** The calls to whoever has the source's power and NICs, and to the target platform. */
export const outsideCalls = [
  ...(['power state', 'power off', 'power on', 'disconnect', 'reconnect', 'agent power off'] as const),
  ...(['find', 'launch', 'set links', 'remove'] as const),
] as const;
/** A call to somebody outside. */
export type OutsideCall = (typeof outsideCalls)[number] | 'annotate' | 'uninstall' | 'power target off' | 'console';

/**
 * What becomes of a call that is not simply answered: it is refused, it never arrives, its answer is lost, or its answer is
 * lost and it is carried out so much later.
 */
export type CallFate = 'refused' | 'lostBefore' | 'lostAfter' | { readonly late: Millis };

/** A VM of the small platform. */
export interface SmallVm extends Omit<TargetVm, 'power' | 'links'> {
  readonly plan: TargetVmPlan;
  power: TargetVm['power'];
  links: TargetVm['links'];
  console: string;
}

/** Does something that always arrives, and may be the last thing its process did. */
export type During = <T>(name: string, work: () => T, takes?: Millis) => Promise<T>;

type NoAnswer = Result<never, Extract<HypervisorError, { type: 'Unreachable' | 'Refused' }>>;
/** Asks somebody outside, who answers, or does not. */
export type Asked = <R>(name: OutsideCall, work: () => R) => Promise<R | NoAnswer>;
