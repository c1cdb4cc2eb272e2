import type { MigrationFact, Reason } from '#core/migration/facts';
import { describeHypervisorError, type HypervisorError, type PowerState } from '#core/ports/source-hypervisor';
import { sometimes } from '#core/sometimes';
import type { FoundState } from './memory.ts';
import { came, type Parts, type Perform, type Reconcile } from './parts.ts';
import { withoutSecrets } from './secrets.ts';
import { reasonFor, reasonOf, troubleAtSource } from './trouble.ts';

/** Gives the source back as the cutover found it. There is no target that runs: the replica is only kept. */
export const rollBack: Perform<'rollBack'> = async (parts) => {
  const inventory = await parts.source.ask((source) => source.inspect());
  if (!inventory.ok) return failedOrUnknown('RollbackFailed', inventory.error);
  const { power } = inventory.value;
  const { found } = await parts.memory();
  const back = givenBack(power, found);
  if (back) {
    sometimes('roll back: the source was as it was found already');
    return came(back);
  }
  if (power === 'running') return came({ type: 'RollbackFailed', data: { reason: startedByOthers(found) } });
  if (power !== 'paused') return came({ type: 'RollbackFailed', data: { reason: cannotStart(power) } });
  sometimes('roll back: gave a paused source back');
  const resumed = await parts.source.ask((source) => source.resume());
  if (!resumed.ok) return failedOrUnknown('RollbackFailed', resumed.error);
  return came({ type: 'RolledBack', data: { source: 'running' } });
};

/**
 * The fact that says so, if the source is as it was found. Where it was not recorded how it was found, it ran: only a
 * running source passes verification, and somebody who needs its services waits for it.
 */
function givenBack(power: PowerState, found: FoundState): MigrationFact | undefined {
  const as = (source: FoundState): MigrationFact => ({ type: 'RolledBack', data: { source } });
  if (power === 'running') return found === 'running' || found === 'unknown' ? as('running') : undefined;
  if (found === 'paused' && power === 'paused') return as('paused');
  if (found === 'off' && power === 'off') return as('off');
  return undefined;
}

/** Why a rollback asks a person where the source was at rest, and runs. Asked for again, it leaves it running. */
export const startedByOthers = (found: FoundState): Reason =>
  reasonOf(
    'SourceRuns',
    `the source was ${found} when the cutover found it, and runs now: somebody started it; stop it if it should not run, then ask for the rollback again`,
  );

const cannotStart = (power: PowerState) =>
  reasonOf(
    power === 'off' ? 'SourceOff' : 'SourceCrashed',
    `the source is ${power === 'off' ? 'switched off' : 'crashed'} and was not before; start it by hand, then ask for the rollback again`,
  );

function failedOrUnknown(
  type: 'RollbackFailed' | 'ReleaseFailed' | 'RetirementFailed',
  error: HypervisorError,
): Awaited<ReturnType<Perform<'rollBack'>>> {
  if (error.type === 'Unreachable') return { type: 'unknown', why: withoutSecrets(describeHypervisorError(error)) };
  return came({ type, data: { reason: reasonFor(troubleAtSource(error)) } });
}

/** Whether the source is as it was found. */
export const wasRolledBack: Reconcile = async (parts) => {
  const inventory = await parts.source.ask((source) => source.inspect());
  if (!inventory.ok) return { type: 'cannotTell', why: withoutSecrets(describeHypervisorError(inventory.error)) };
  const back = givenBack(inventory.value.power, (await parts.memory()).found);
  return back ? { type: 'done', facts: [back] } : { type: 'notDone' };
};

const release = async (parts: Parts) => {
  const closed = await parts.source.ask((source) => source.closeDisks());
  return closed.ok ? parts.source.ask((source) => source.release(parts.migration)) : closed;
};

/** Takes every mark and export of ours off the source, and leaves the replica alone. */
export const releaseSource: Perform<'releaseSource'> = async (parts) => {
  const released = await release(parts);
  if (!released.ok) return failedOrUnknown('ReleaseFailed', released.error);
  return came({ type: 'SourceReleased', data: { removed: [`every change mark and export of ${parts.migration}`] } });
};

/** Takes everything of ours off the source and leaves it at rest. It is never deleted, and nothing of it. */
export const retireSource: Perform<'retireSource'> = async (parts) => {
  const released = await release(parts);
  if (!released.ok) return failedOrUnknown('RetirementFailed', released.error);
  const inventory = await parts.source.ask((source) => source.inspect());
  if (!inventory.ok) return failedOrUnknown('RetirementFailed', inventory.error);
  const { power } = inventory.value;
  if (power === 'running') {
    const detail = 'the source runs although its replica has taken over; stop it, or two machines hold the same data';
    return came({ type: 'RetirementFailed', data: { reason: reasonOf('SourceRuns', detail) } });
  }
  const note = `every change mark and export of ours is gone; the source is ${power} with its disks as they were and may be removed by hand`;
  return came({ type: 'SourceRetired', data: { note } });
};

/** Forgetting marks twice is forgetting them once, so nobody needs to find out: it is simply asked for again. */
export const releaseAgain: Reconcile = async (parts, signal) => {
  const inventory = await parts.source.look((source) => source.inspect(), signal);
  if (!inventory.ok) return { type: 'cannotTell', why: withoutSecrets(describeHypervisorError(inventory.error)) };
  return { type: 'notDone' };
};
