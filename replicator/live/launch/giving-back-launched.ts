import type { GuestAgent, Unconfirmed } from '#core/ports/guest-agent';
import { describeHypervisorError, type HypervisorError } from '#core/ports/source-hypervisor';
import { describeTargetError } from '#core/ports/target-platform';
import type { Reason } from '#core/migration/facts';
import { err, ok, type Result } from '#core/result';
import { elapsed, seconds } from '#core/units';
import { releaseSource, startedByOthers } from '#replicator/live/giving-back';
import { came, type Parts, type Perform, type Reconcile } from '#replicator/live/parts';
import { withoutSecrets } from '#replicator/live/secrets';
import { reasonOf } from '#replicator/live/trouble';
import { forgetPrepared, replicasOf } from './fix-up-effects.ts';
import type { LaunchSite } from './launch-site.ts';
import { stepTeller, type StepTeller } from './steps.ts';
import { targetName } from './target-effects.ts';

/**
 * Takes the target away first, then gives the source back: powered on and connected if it was fenced, back to service if
 * it was only brought to rest. The overlays go with the target; the replicas stay, so that a retry needs a delta.
 */
export const rollBackLaunched =
  (site: LaunchSite): Perform<'rollBack'> =>
  async (parts, { report, signal }) => {
    const tell = stepTeller('rollBack', report);
    const failed = (reason: Reason) => came({ type: 'RollbackFailed', data: { reason } });
    const removed = await tell.item('target', 'Take the target away', () => takeTargetAway(site, parts));
    if (!removed.ok) return failed(removed.error);
    const state = await site.power.state();
    if (!state.ok) return failed(reasonOf('SourceUnknown', describeHypervisorError(state.error)));
    const { found } = await parts.memory();
    if (found === 'off') {
      if (state.value === 'off') return came({ type: 'RolledBack', data: { source: 'off' } });
      if (state.value === 'running') return failed(startedByOthers(found));
    }
    const title = state.value === 'off' ? 'Start the source and connect it' : 'Bring the source back to service';
    const back = await tell.item('source', title, () => giveBack(site, parts, signal));
    return back.ok ? came({ type: 'RolledBack', data: { source: 'running' } }) : failed(back.error);
  };

/** Every part of it asks first and may be done again. */
export const rollBackAgain: Reconcile = async () => ({ type: 'notDone' });

async function takeTargetAway({ target, overlays }: LaunchSite, parts: Parts): Promise<Result<void, string>> {
  const removed = await target.remove(targetName(parts));
  // Overlays under a VM that may run are left to it: two writers would ruin them.
  if (!removed.ok) return err(describeTargetError(removed.error));
  for (const { path } of replicasOf(parts)) {
    const dropped = await overlays.drop(path);
    if (!dropped.ok) return dropped;
  }
  return ok(undefined);
}

const lookEvery = seconds(1);

/**
 * Powers the source on if it is off, and waits until its sentinel has brought it back to service. It may go off while it is
 * waited for: a guest that was asked to power off, and took too long, still does. One that runs and does not answer may
 * have lost its network to a fence that got no further; one that answers may do so on another way than those networks, as a
 * source that its cluster started again after it was fenced. They are seen to last: what a fence asked for, and heard no
 * answer to, may have been carried out while the guest booted.
 */
async function giveBack(
  { power, agent, bootMax }: LaunchSite,
  { clock, memory }: Parts,
  signal: AbortSignal,
): Promise<Result<void, string>> {
  const { fenceBegun } = await memory();
  let isConnected = false;
  for (const begun = clock.now(); ; await clock.wait(lookEvery, signal)) {
    const state = await power.state();
    if (state.ok && state.value === 'off') {
      for (const done of [await power.reconnect(), await power.powerOn()]) if (!done.ok) return inWords(done);
      isConnected = true;
    }
    const back = await agent.resume();
    if (!back.ok && back.error.type !== 'Unreachable') return inWords(back);
    if (back.ok ? fenceBegun : !isConnected) {
      const connected = await power.reconnect();
      if (!connected.ok) return inWords(connected);
      isConnected = true;
    }
    if (back.ok) return back;
    if (signal.aborted || elapsed(begun, clock.now()) > bootMax)
      return err(`the source was started, and its sentinel does not answer: ${inWords(back).error}`);
  }
}

const inWords = <T>(result: Result<T, HypervisorError>): Result<T, string> & { readonly error?: string } =>
  result.ok ? result : err(withoutSecrets(describeHypervisorError(result.error)));

/** Lets go of the source as any world does, and keeps nothing that was made for a cutover that will not be. */
export const releaseLaunched =
  (site: LaunchSite): Perform<'releaseSource'> =>
  async (parts, order) => {
    await forgetPrepared(site, parts);
    return releaseSource(parts, order);
  };

/** Takes the sentinel off the target, and leaves the source off, disconnected and with a note. Nothing is deleted. */
export const retireLaunched =
  (site: LaunchSite): Perform<'retireSource'> =>
  async (parts, order) => {
    const { power, agent } = site;
    const tell = stepTeller('retireSource', order.report);
    const failed = (reason: Reason) => came({ type: 'RetirementFailed', data: { reason } });
    const state = await power.state();
    if (!state.ok) return failed(reasonOf('SourceUnknown', describeHypervisorError(state.error)));
    if (state.value !== 'off')
      return failed(
        reasonOf('SourceRuns', `the source is ${state.value} although its target has taken over; stop it first`),
      );
    const cut = await tell.item('disconnect', 'Take the source off its networks', async () =>
      inWords(await power.disconnect()),
    );
    if (!cut.ok) return failed(cut.error);
    const uninstalled = await takeSentinelOff(agent, tell);
    if (!uninstalled.ok) return failed(uninstalled.error);
    const note = `moved to ${targetName(parts)} by migration ${parts.migration}; off, disconnected and kept as it was`;
    const noted = await tell.item('annotate', 'Leave a note at the source', async () =>
      inWords(await power.annotate(note)),
    );
    if (!noted.ok) return failed(noted.error);
    await forgetPrepared(site, parts);
    const left = uninstalled.value ? `; not confirmed: ${uninstalled.value.unconfirmed}` : '';
    return came({ type: 'SourceRetired', data: { note: `the source is ${note}${left}` } });
  };

/**
 * Takes off the sentinel that answers now: the one that moved along. If its answer is lost it is asked again, and whoever
 * waits for it then may say that it never came: that is told, and does not hold the end up for ever.
 */
async function takeSentinelOff(agent: GuestAgent, tell: StepTeller): Promise<Result<Unconfirmed | undefined, Reason>> {
  let unconfirmed: Unconfirmed | undefined;
  const off = await tell.item('sentinel', 'Take the sentinel off the target', async () => {
    const asked = await agent.uninstall();
    const isUnknown = !asked.ok && asked.error.type === 'Unreachable';
    const answered = isUnknown ? await agent.uninstall() : asked;
    if (!answered.ok) return err(withoutSecrets(describeHypervisorError(answered.error)));
    if (typeof answered.value === 'object') unconfirmed = answered.value;
    // Not known to be done is not done, for whoever reads of this item.
    return unconfirmed ? err(unconfirmed.unconfirmed) : ok(undefined);
  });
  return off.ok || unconfirmed ? ok(unconfirmed) : off;
}
