import type { FixUp, FixUpTarget } from '#core/ports/fix-up';
import type { GuestAgent, QuiescePolicy } from '#core/ports/guest-agent';
import type { SourcePower } from '#core/ports/source-power';
import type { TargetPlatform, TargetVmPlan } from '#core/ports/target-platform';
import type { Millis } from '#core/units';
import {
  renderStageFile,
  type StageAccount,
  type StageFile,
  type ValidationCheck,
} from '#replicator/sentinel/stage/stage-file';
import type { Overlays } from './overlays.ts';

/** What a migration needs beside its source and its replicas when it hands over a VM that runs. */
export interface LaunchSite {
  readonly target: TargetPlatform;
  readonly fixUp: FixUp;
  readonly overlays: Overlays;
  /** Power and NICs of the source, from outside of it. */
  readonly power: SourcePower;
  /** The agent inside the source. */
  readonly agent: GuestAgent;
  readonly policy: QuiescePolicy;
  /** The virtual hardware of the target. */
  readonly hardware: Pick<TargetVmPlan, 'controller' | 'nicModel'>;
  /** The network that the target's NICs are on once it is connected. */
  readonly network: string;
  /** What the guest checks once it has booted as the target; the same in a test, but for those that need a network. */
  readonly checks: readonly ValidationCheck[];
  /** A temporary account to look at the target with, where one was asked for. Finalizing takes it away. */
  readonly account?: StageAccount;
  /** How long a guest may take to boot and report. */
  readonly bootMax: Millis;
  /** How long a guest that was asked to power itself off may take before its hypervisor is asked. */
  readonly powerOffMax: Millis;
}

/** The hardware a replica is fixed up for, with the stage its guest is in when it boots. */
export const fixUpTargetOf = (
  { hardware, account }: Pick<LaunchSite, 'hardware' | 'account'>,
  nics: FixUpTarget['nics'],
  order: StageFile,
): FixUpTarget => ({ ...hardware, nics, stage: renderStageFile({ ...order, ...(account && { account }) }) });
