import type { MigrationFact, Reason } from '#core/migration/facts';
import { describeHypervisorError, type HypervisorError } from '#core/ports/source-hypervisor';
import type { SourcePower } from '#core/ports/source-power';
import { err, ok, type Result } from '#core/result';
import { elapsed, seconds } from '#core/units';
import { proveUnwritten } from '#replicator/live/cutover-effects';
import { persist } from '#replicator/live/patience';
import { came, type Parts, type Perform, type Reconcile } from '#replicator/live/parts';
import { withoutSecrets } from '#replicator/live/secrets';
import { reasonFor, reasonOf, troubleAtSource } from '#replicator/live/trouble';
import type { LaunchSite } from './launch-site.ts';
import { stepTeller } from './steps.ts';

/**
 * Proves that nothing was written since the final sync, powers the source off, proves that it is off, and takes its NICs
 * off their networks. The guest is asked first, then its hypervisor. A source that will not go off is not fenced, and
 * its target never gets a network.
 */
export const fenceByPower =
  (site: LaunchSite): Perform<'fenceSource'> =>
  async (parts, { report, signal }) => {
    const { power } = site;
    const tell = stepTeller('fenceSource', report);
    const before = await power.state();
    if (!before.ok) return unknownOr(before.error);
    if (before.value !== 'off') {
      const unwritten = await provenWithin(parts, signal);
      if (!unwritten.ok) return came(fencingFailed(unwritten.error));
      const off = await tell.item(
        'powerOff',
        'Power the source off',
        () => powerOff(site, parts, signal),
        (how) => how,
      );
      if (!off.ok) return came(fencingFailed(off.error));
    }
    const cut = await tell.item('disconnect', 'Take the source off its networks', async () =>
      inWords(await power.disconnect()),
    );
    if (!cut.ok) return came(fencingFailed(cut.error));
    const after = await power.state();
    if (!after.ok) return unknownOr(after.error);
    if (after.value !== 'off') return came(fencingFailed(reasonOf('SourceRuns', `the source is ${after.value} again`)));
    return came({
      type: 'SourceFenced',
      data: { proof: 'its hypervisor says that the source is off, and its NICs are disconnected' },
    });
  };

/**
 * Whether nothing was written, asked while patience lasts. A sentinel that stays away proves nothing, and a source that is
 * at rest for nothing is given back.
 */
async function provenWithin(parts: Parts, signal: AbortSignal): Promise<Result<void, Reason>> {
  const { clock, patience } = parts;
  const asked = { clock, within: patience, mayHelp: (reason: Reason) => reason.type === sentinelAway, signal };
  return persist(asked, async () => {
    const unwritten = await proveUnwritten(parts, signal);
    if (unwritten.type === 'proven') return ok(undefined);
    return err(unwritten.type === 'unreachable' ? reasonOf(sentinelAway, unwritten.why) : reasonFor(unwritten.trouble));
  });
}

const sentinelAway = 'SentinelAway';

/** Whether the source is off. Its NICs are seen to once more. */
export const wasFencedByPower =
  (site: LaunchSite): Reconcile =>
  async () => {
    const state = await site.power.state();
    if (!state.ok) return { type: 'cannotTell', why: withoutSecrets(describeHypervisorError(state.error)) };
    return { type: 'notDone' };
  };

const fencingFailed = (reason: Reason): MigrationFact => ({
  type: 'FencingFailed',
  data: { reason },
});

function unknownOr(error: HypervisorError): Awaited<ReturnType<Perform<'fenceSource'>>> {
  if (error.type === 'Unreachable') return { type: 'unknown', why: withoutSecrets(describeHypervisorError(error)) };
  return came(fencingFailed(reasonFor(troubleAtSource(error))));
}

const inWords = <T>(result: Result<T, HypervisorError>): Result<T, string> =>
  result.ok ? result : err(describeHypervisorError(result.error));

async function powerOff(
  { agent, power, powerOffMax }: LaunchSite,
  parts: Parts,
  signal: AbortSignal,
): Promise<Result<string, string>> {
  const { clock } = parts;
  // A sentinel refuses where its guest is not at rest any more: somebody started it since nothing was written.
  const asked = await agent.powerOff();
  if (!asked.ok && asked.error.type !== 'Unreachable') return inWords(asked);
  // An answer that is lost says nothing: the sentinel may be gone because its guest is going.
  if (await isOffWithin(power, clock, powerOffMax, signal)) return ok('the guest powered itself off');
  // It may serve again: a cluster starts what went off. Who has answered that it goes, and is gone, is not asked any more.
  const still = await proveUnwritten(parts, signal);
  if (!asked.ok || still.type !== 'unreachable') {
    if (still.type !== 'proven')
      return err(
        still.type === 'notProven'
          ? `it did not go off, and must not be forced to: ${reasonFor(still.trouble).detail}`
          : 'the sentinel could not be asked to power off, nor whether anything was written since',
      );
  }
  const forced = await power.powerOff();
  if (forced.ok) return ok('its hypervisor powered it off');
  const isLost = forced.error.type === 'Unreachable';
  if (isLost && (await isOffWithin(power, clock, powerOffMax, signal)))
    return ok('its hypervisor powered it off, and its answer was lost');
  return inWords(forced);
}

const lookEvery = seconds(1);

async function isOffWithin(
  power: SourcePower,
  clock: Parts['clock'],
  within: LaunchSite['powerOffMax'],
  signal: AbortSignal,
): Promise<boolean> {
  for (const begun = clock.now(); ; await clock.wait(lookEvery, signal)) {
    const state = await power.state();
    if (state.ok && state.value === 'off') return true;
    if (signal.aborted || elapsed(begun, clock.now()) > within) return false;
  }
}
