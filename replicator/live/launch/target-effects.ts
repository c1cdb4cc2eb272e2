import type { Check, GuestShape, MigrationFact, MigrationFactOf } from '#core/migration/facts';
import { describeTargetError, type TargetError, type TargetVmPlan } from '#core/ports/target-platform';
import { came, type Parts, type Perform, type Reconcile } from '#replicator/live/parts';
import { withoutSecrets } from '#replicator/live/secrets';
import { reasonOf } from '#replicator/live/trouble';
import { awaitReport } from './boot.ts';
import { waitsForNetwork, type StageReport } from '#replicator/sentinel/stage/stage-report';
import { consoleTail } from './console-report.ts';
import { forgetPrepared, guestUnknown, replicasOf } from './fix-up-effects.ts';
import type { LaunchSite } from './launch-site.ts';
import { stepTeller } from './steps.ts';

/** Starts the target with its networks disconnected and waits until its guest reports from inside. */
export const launchTarget =
  (site: LaunchSite): Perform<'launchTarget'> =>
  async (parts, { report, signal }) => {
    const { guest } = await parts.memory();
    if (!guest) return came({ type: 'LaunchFailed', data: { reason: guestUnknown } });
    const tell = stepTeller('launchTarget', report);
    const plan = targetPlanOf(site, parts, guest);
    const launched = await site.target.launch(plan, 'disconnected');
    if (!launched.ok) {
      if (launched.error.type === 'Unreachable') return { type: 'unknown', why: inWords(launched.error) };
      return came({ type: 'LaunchFailed', data: { reason: reasonOf('LaunchRefused', inWords(launched.error)) } });
    }
    const boot = { ...stageOf(parts, plan.name), within: site.bootMax };
    const booted = await tell.item(
      'boot',
      `Boot ${plan.name} on ${plan.controller} and ${plan.nicModel}`,
      () => awaitReport(site.target, parts.clock, boot, signal),
      ({ checks }) => `${checks.length} checks reported from inside`,
    );
    const said = await captured(site, plan.name);
    if (said) report(said);
    if (booted.ok) return came({ type: 'TargetLaunched', data: { vm: plan.name } });
    await forgetPrepared(site, parts);
    return came({ type: 'LaunchFailed', data: { reason: booted.error } });
  };

/** Launching asks the platform first and takes the VM it finds there, so it is simply done again. */
export const launchAgain: Reconcile = async () => ({ type: 'notDone' });

/** Puts the target's NICs on their network. The source has been proven off before. */
export const connectTarget =
  (site: LaunchSite): Perform<'connectTarget'> =>
  async (parts) => {
    // The two may never talk at once: the proof in the log is of then, and this is now.
    const power = await site.power.state();
    if (!power.ok) return { type: 'unknown', why: 'whether the source is still off could not be asked' };
    if (power.value !== 'off') return came(connectionFailed('SourceRuns', `the source is ${power.value} again`));
    const connected = await site.target.setLinks(targetName(parts), 'connected');
    if (connected.ok) return came({ type: 'TargetConnected', data: { networks: [site.network] } });
    if (connected.error.type === 'Unreachable') return { type: 'unknown', why: inWords(connected.error) };
    return came(connectionFailed('ConnectionRefused', inWords(connected.error)));
  };

const connectionFailed = (type: string, detail: string): MigrationFact => ({
  type: 'ConnectionFailed',
  data: { reason: reasonOf(type, detail) },
});

/** Whether the target's NICs are connected. */
export const wasConnected =
  (site: LaunchSite): Reconcile =>
  async (parts) => {
    const found = await site.target.find(targetName(parts));
    if (!found.ok) return { type: 'cannotTell', why: inWords(found.error) };
    if (found.value?.links !== 'connected') return { type: 'notDone' };
    return { type: 'done', facts: [{ type: 'TargetConnected', data: { networks: [site.network] } }] };
  };

/** Waits for what the guest finds about itself once it is connected, and judges it. */
export const validateLaunched =
  (site: LaunchSite): Perform<'validateTarget'> =>
  async (parts, { report, signal }) => {
    const vm = targetName(parts);
    const tell = stepTeller('validateTarget', report);
    const boot = { ...stageOf(parts, vm), within: site.bootMax, wanted: isWhole(site) };
    const found = await tell.item('checks', `Checks inside ${vm}`, () =>
      awaitReport(site.target, parts.clock, boot, signal),
    );
    const said = await captured(site, vm);
    if (said) report(said);
    const checks: readonly Check[] = found.ok
      ? found.value.checks
      : [
          {
            id: 'guest-reports',
            verdict: 'failed',
            message: found.error.detail,
            remedy: 'read the console of the target',
          },
        ];
    const passed = checks.every(({ verdict }) => verdict !== 'failed');
    return came({ type: passed ? 'TargetValidated' : 'ValidationFailed', data: { checks } });
  };

/** Whether a report has an answer to every check: the first ones are made before there is a network. */
const isWhole =
  ({ checks }: LaunchSite) =>
  (report: StageReport): boolean =>
    checks.every(({ id }) => report.checks.some((check) => check.id === id && check.message !== waitsForNetwork));

/** The name of a migration's target. */
export const targetName = ({ plan }: Pick<Parts, 'plan'>): string => plan.vm.name;

const stageOf = ({ migration }: Parts, vm: string) => ({ vm, stage: 'target' as const, migration });

function targetPlanOf(
  site: LaunchSite,
  parts: Parts,
  { firmware, memory, processors, nics }: GuestShape,
): TargetVmPlan {
  return {
    ...{ name: targetName(parts), firmware, memory, processors },
    disks: replicasOf(parts).map(({ disk, path }) => ({ id: disk, path: site.overlays.of(path), format: 'qcow2' })),
    nics: nics.map(({ mac }) => ({ mac, network: site.network })),
    ...site.hardware,
  };
}

/** What a VM said on its console so far, as a fact. */
export async function captured(
  { target }: LaunchSite,
  vm: string,
  stage: MigrationFactOf<'ConsoleCaptured'>['data']['stage'] = 'target',
): Promise<MigrationFact | undefined> {
  const said = await target.console(vm);
  return said.ok
    ? { type: 'ConsoleCaptured', data: { vm, stage, text: withoutSecrets(consoleTail(said.value)) } }
    : undefined;
}

const inWords = (error: TargetError): string => withoutSecrets(describeTargetError(error));
